"""Run the examples, and write their charts and README.md, which quotes what they print.

    python docs/examples/make.py [SITE]

Without the address of a site it serves one itself, as `make serve` does. The same record gives the same files;
tests/test_examples.py compares them.
"""
import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

HERE = Path(__file__).parent
SITE = "http://127.0.0.1:8001"  # where `make serve` serves: the address that the examples take for granted
SCRIPTS = ["promises_kept.py", "asked_again.py", "who_gets_data.sh", "ask_the_record.py"]
EXAMPLES = [*SCRIPTS, "embed.html"]
PAGE = """# Examples: a question each, answered from the record

For each sort of reader, a script short enough to read and change. `make serve` serves the site that they ask; the address
of another one is their first argument. They need what `make test` installs into `.venv`:
`source .venv/bin/activate`, then, in this folder:

{index}

This page is written by `docs/examples/make.py`, from what stands at the top of each file and what it prints. The answers
are those of version {version}, as of {as_of}; a test runs each example and compares.
"""


def about(name):
    """Return what the top of an example says: a dict of question, audience, tools, command, text (paragraphs) and limits."""
    source = (HERE / name).read_text("utf-8")
    if name.endswith(".py"):
        top = ast.get_docstring(ast.parse(source))
    elif name.endswith(".sh"):
        top = re.sub("^# ?", "", re.search(r"(?:^#(?!!).*\n)+", source, re.M)[0], flags=re.M)
    else:
        top = re.search("<!--\n(.*?)-->", source, re.S)[1]
    question, reader, command, *text, limits = top.strip().split("\n\n")
    audience, tools = reader.removeprefix("For ").rstrip(".").split("; ", 1)
    return {"name": name, "question": question, "audience": audience, "tools": tools, "command": command.strip(), "text": text, "limits": limits}


def run(name, site, folder):
    """Run a script in a folder, where it leaves its files; return what it prints, as if the site were SITE.

    Raises subprocess.CalledProcessError if it fails.
    """
    beside = Path(sys.executable).parent  # sqlite-utils and csvkit live there, too
    command = "sh" if name.endswith(".sh") else sys.executable
    environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "agg", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run([command, HERE / name, site], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return done.stdout.replace(site, SITE)


def page(printed, dataset):
    """Return README.md. printed: {script: what it printed}. dataset: the row of the table of that name."""
    rows, parts = ["| question | for | with | run |", "|---|---|---|---|"], []
    for name in EXAMPLES:
        it = about(name)
        rows.append(f"| [{it['question']}](#{name.partition('.')[0]}) | {it['audience']} | {it['tools']} | `{it['command'].partition('  ')[0]}` |")
        part = [f"<a id=\"{name.partition('.')[0]}\"></a>\n\n## {it['question']}", f"[{name}]({name}), for {it['audience']}; {it['tools']}.", *it["text"]]
        part.append(f"```text\n$ {it['command']}\n{printed.get(name, '')}```")
        if (HERE / name).with_suffix(".svg").exists():
            part.append(f"![The chart that {name} draws of the numbers above]({Path(name).with_suffix('.svg')})")
        parts.append("\n\n".join([*part, it["limits"]]))
    return "\n\n".join([PAGE.format(index="\n".join(rows), **dataset).rstrip(), *parts]) + "\n"


def main(site):
    """Run every script against a site and write what came of it."""
    printed = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SCRIPTS:
            printed[name] = run(name, site, folder)
        for chart in sorted(Path(folder).glob("*.svg")):
            shutil.copy(chart, HERE)
    dataset, = httpx.get(f"{site}/record/dataset.json?_shape=array").json()
    (HERE / "README.md").write_text(page(printed, dataset), "utf-8")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(sys.argv[1])
    else:
        sys.path.insert(0, str(HERE.parent.parent / "tests"))
        import conftest

        with contextlib.closing(conftest.server.__wrapped__()) as server:
            main(next(server))
