"""What have most reports asked for, over how many years, and what were they told?

For an MP’s researcher; DuckDB over Parquet, and matplotlib.

    python asked_again.py [SITE]

It downloads five Parquet files, prints each ask that three or more reports have made, and writes asked_again.svg.

An ask is one thing to be done, however many recommendations ask for it. Each mark is one recommendation, in the year of its
report, with the latest answer to it. “Accepted” includes acceptance in part and in principle; “neither” is an answer that
notes or considers; “rejected” includes an acceptance later withdrawn.

It does not say that an ask was not answered: “no answer found” means none in the sources read. The wording of an ask is
the record’s, and recommendations under one ask may differ in detail. Reports that are not recorded may have asked too,
and the few without a date are left out.
"""
import sys
from textwrap import fill
from urllib.request import urlretrieve

import duckdb
import matplotlib.pyplot as plt

SITE = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8001"
LOOKS = {"accepted": ("o", "#15497c"), "rejected": ("X", "#15497c"), "neither": ("D", "#15497c"), "no answer found": ("o", "white")}
plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "record", "font.size": 8, "font.sans-serif": ["DejaVu Sans", "Arial"]})

for table in "asks", "dataset", "recommendation_asks", "recommendation_status", "vocabulary":
    urlretrieve(f"{SITE}/downloads/parquet/{table}.parquet", f"{table}.parquet")
asks = duckdb.sql("""
    SELECT k.title, count(DISTINCT s.report) AS reports, min(left(s.report_published, 4)::int) AS first, max(left(s.report_published, 4)::int) AS last,
           list((left(s.report_published, 4)::int, CASE WHEN v.grouping IN ('yes', 'partly') THEN 'accepted' WHEN v.grouping = 'no' THEN 'rejected'
             WHEN v.grouping = 'open' THEN 'neither' ELSE 'no answer found' END) ORDER BY s.report_published, s.recommendation) AS marks
    FROM 'asks.parquet' k JOIN 'recommendation_asks.parquet' a ON a.ask = k.id JOIN 'recommendation_status.parquet' s USING (recommendation)
    LEFT JOIN 'vocabulary.parquet' v ON v.vocabulary = 'response position' AND v.term = s.response_position
    WHERE s.report_published IS NOT NULL
    GROUP BY k.title HAVING reports >= 3 ORDER BY reports DESC, last - first DESC, k.title""").fetchall()

figure, axes = plt.subplots(figsize=(3.9, height := 1.5 + 0.7 * len(asks)))
for y, (title, reports, first, last, marks) in enumerate(asks):
    years, answers = [year for year, _ in marks], [answer for _, answer in marks]
    print(f"{reports} reports, {first}" + f" to {last}" * (last > first) + f": {title}")
    print("    " + ", ".join(f"{answers.count(answer)} {answer}" for answer in LOOKS if answer in answers))
    axes.text(0, y - 0.17, fill(title, 54), transform=axes.get_yaxis_transform(), va="bottom")
    for i, (year, answer) in enumerate(marks):  # one under the other where there are more in a year
        axes.plot(year, y + 0.16 * years[:i].count(year), LOOKS[answer][0], color="#15497c", mfc=LOOKS[answer][1], ms=6.5)

axes.set(ylim=(len(asks) - 0.4, -0.8), yticks=range(len(asks)), yticklabels=[])
axes.xaxis.get_major_locator().set_params(integer=True)
axes.tick_params(length=0)
axes.grid(color="#d5d5d5", linewidth=0.6)
axes.set(frame_on=False, axisbelow=True)
version = duckdb.sql("SELECT version FROM 'dataset.parquet'").fetchall()[0][0]
keys = [axes.plot([], [], mark, color="#15497c", mfc=inside, label=answer)[0] for answer, (mark, inside) in LOOKS.items()]
figure.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, 1 - 0.33 / height), ncols=2, frameon=False)
figure.text(0.04, 1 - 0.25 / height, title := "Asked for by three or more reports", size=11, weight="bold")
figure.text(0.04, 0.1 / height, f"What Changed? The Home Office record, {version}", color="#4a4a4a")
figure.subplots_adjust(left=0.04, right=0.96, top=1 - 0.75 / height, bottom=0.5 / height)
figure.savefig("asked_again.svg", metadata={"Title": title, "Creator": None, "Date": None})
