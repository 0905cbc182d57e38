"""A template filter for dates as people write them: {{ "2018-05-09"|human_date }} gives 9 May 2018."""
import re

from datasette import hookimpl

MONTHS = "January February March April May June July August September October November December".split()
DATE = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?")


def human_date(value):
    """Return an ISO date of any precision in words, None as nothing, and anything else as it is."""
    if value is None:
        return ""
    match = DATE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return value
    year, month, day = match.groups()
    return " ".join(part for part in (day and day.lstrip("0"), month and MONTHS[int(month) - 1], year) if part)


@hookimpl
def prepare_jinja2_environment(env):
    env.filters["human_date"] = human_date
