"""Of what the Home Office accepted since 2016, how much did anybody independent find done?

For a journalist; pandas and matplotlib, over the CSV of the API.

    python promises_kept.py [SITE]

It prints the count and writes promises_kept.csv and promises_kept.svg.

It counts recommendations whose latest answer is the Home Office’s, is dated 2016 or later, and accepts, in full or with
limits (in part, in principle). What each stands at is the latest independent finding; where there is none, whether the
body itself has reported.

It does not say that the rest was not done: “no assessment found” means none in the sources read. It is no rate for the
Home Office: not every report, nor every recommendation of each, is recorded. Answers given by “the government”, answers
without a date, and acceptances later withdrawn are not counted.
"""
import sys
from urllib.parse import urlencode

import matplotlib.pyplot as plt
import pandas as pd

SITE = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8001"
# What each state is called here, and whether somebody independent looked.
STATES = {
    "independently found met": ("found met", True),
    "independently found partly met or in progress": ("found partly met, or in progress", True),
    "independently found not met": ("found not met, or dropped", True),
    "independently looked at, no verdict": ("looked at, no verdict", True),
    "only the institution’s own report found": ("only the institution’s own report found", False),
    "promised, no assessment found": ("no assessment by anybody found", False),
}
plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "record", "font.size": 9, "font.sans-serif": ["DejaVu Sans", "Arial"]})

where = {"response_made_by": "home-office", "response_position__startswith": "accepted", "response_date__gte": "2016"}
rows = pd.read_csv(f"{SITE}/record/recommendation_status.csv?{urlencode({'_stream': 'on', **where})}")
version = pd.read_csv(f"{SITE}/record/dataset.csv").version[0]

limits = rows.response_position.eq("accepted").map({True: "in full", False: "with limits"})
table = pd.crosstab(rows.state, limits).reindex(index=STATES, columns=["in full", "with limits"], fill_value=0)
table["all"] = table.sum(axis=1)
table.to_csv("promises_kept.csv", index_label="state")
looked = rows.independent_assessment.notna().sum()
print(f"Of {len(rows)} recommendations accepted, somebody independent looked at {looked} and found {table['all'].iloc[0]} met.\n")
print(pd.concat([table, table.sum().to_frame("total").T]).rename_axis(columns=None).to_string())

figure, axes = plt.subplots(figsize=(3.9, 4.3))
for y, (state, (name, independent)) in enumerate(STATES.items()):
    n = table["all"][state]
    axes.barh(y, n, height=0.42, color="#15497c" if independent else "#8a8f98")
    axes.text(0, y - 0.3, f"Independently {name}" if independent else name.capitalize(), va="bottom")
    axes.text(n + 1, y, n, va="center", weight="bold")
axes.set(xlim=(0, table["all"].max() * 1.15), ylim=(len(STATES) - 0.6, -0.8))
axes.axis("off")
figure.text(0.03, 0.95, title := "What the Home Office accepted since 2016", size=10.5, weight="bold")
figure.text(0.03, 0.905, f"{len(rows)} recommendations, and what was found")
figure.text(0.03, 0.02, f"What Changed? The Home Office record, {version}", size=8, color="#4a4a4a")
figure.subplots_adjust(left=0.03, right=0.97, top=0.89, bottom=0.06)
figure.savefig("promises_kept.svg", metadata={"Title": title, "Creator": None, "Date": None})
