"""Describe the downloads to programs: Data Package, CSV on the Web, and DCAT. exports.py writes what these return.

They are derived: structure from schema.sql (through build.py), prose from metadata.yml, sizes from the files. All
addresses in them are relative to the file itself, so that they hold wherever the folder stands, or in a zip.
"""
import re

import build

LICENCE = "CC-BY-4.0"  # as SPDX names it
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"

# The rules of build.py in the words of Table Schema and of CSV on the Web: a pattern, or the least and the most.
PATTERNS = {
    "slug": r"[a-z0-9]+(-[a-z0-9]+)*",
    "date": r"\d{4}(-\d{2}(-\d{2})?)?",
    "url": r"https?://[^ <>\"]+",
}
RANGES = {"count": (0, None), "flag": (0, 1), "latitude": (-90, 90), "longitude": (-180, 180)}


def citation(dataset):
    """Return how the dataset is cited; dataset: the row of the table of that name."""
    return f"“{dataset['title']}”, version {dataset['version']}, as of {dataset['as_of']}."


def about(metadata):
    """Return the sentence that says what the dataset is."""
    return metadata["databases"]["record"]["description"]


def in_words(column):
    """Return the type of a build.Column in words."""
    if column.is_list:
        items = f"ids of {column.refers_to}" if column.refers_to else f"terms of “{column.vocabulary}”" if column.vocabulary else "texts"
        return f"list ({items})" if column.join or column.refers_to else "list"
    if column.vocabulary:
        return f"a term of “{column.vocabulary}”"
    if column.refers_to:
        return f"the id of a row of {column.refers_to}"
    return {"slug": "id", "date": "date", "url": "web address", "flag": "1 or 0"}.get(
        column.rule, {"TEXT": "text", "INTEGER": "whole number", "REAL": "number"}[column.type])


def terms(column):
    """Return the terms that a coded column may hold, or None. build.py writes them out in the check of the column."""
    if not column.vocabulary or column.is_list or not column.check:
        return None
    return [term.replace("''", "'") for term in re.findall(r"'((?:[^']|'')*)'", column.check.partition(" IN ")[2])]


# Data Package: https://datapackage.org/standard/data-package/ (version 2) -----------------------------------------


def datapackage(dataset, metadata, parts, sheets):
    """Return datapackage.json. parts: exports.Part of each table. sheets: {table: entry of its CSV in index.json}."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "what-changed",
        "title": dataset["title"],
        "description": about(metadata),
        "version": dataset["version"],
        "created": f"{(dataset['as_of'] + '-01-01')[:10]}T00:00:00Z",
        "licenses": [{"name": LICENCE, "path": LICENCE_URL, "title": metadata["license"]}],
        "sources": [{"title": metadata["source"], "path": sheets["sources"]["path"]}],
        "resources": [{
            "name": part.name,
            "type": "table",
            "path": sheets[part.name]["path"],
            "description": part.about["description"],
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": sheets[part.name]["bytes"],
            "hash": f"sha256:{sheets[part.name]['sha256']}",
            "schema": table_schema(part),
        } for part in parts],
    }


def table_schema(part):
    """Return the Table Schema (https://datapackage.org/standard/table-schema/) of an exports.Part."""
    schema = {"fields": [table_schema_field(part, column) for column in part.columns], "missingValues": [""]}
    if part.key:
        schema["primaryKey"] = part.key
    if unique := [columns for columns in part.table.unique if columns != part.key]:
        schema["uniqueKeys"] = unique
    if keys := [{
        "fields": [column.name], "reference": {"resource": "" if column.refers_to == part.name else column.refers_to, "fields": ["id"]},
    } for column in references(part)]:
        schema["foreignKeys"] = keys
    return schema


def table_schema_field(part, column):
    """Return the field descriptor of a build.Column."""
    described = {"name": column.name, "type": {"TEXT": "string", "INTEGER": "integer", "REAL": "number"}[column.type]}
    limits = {}
    if column.is_list:
        described |= {"type": "list", "itemType": "string", "delimiter": build.LIST_SEPARATOR}
        limits["required"] = column.rule == "cited"  # a list without items is an empty cell
    else:
        limits["required"] = column.required
        limits["unique"] = [column.name] in part.table.unique or part.key == [column.name]
        limits["enum"] = terms(column)
        limits["pattern"] = PATTERNS.get(column.rule)
        limits["minimum"], limits["maximum"] = RANGES.get(column.rule, (None, None))
    described["description"] = part.about["columns"][column.name]
    if limits := {name: value for name, value in limits.items() if value is not None and value is not False}:
        described["constraints"] = limits
    return described


def references(part):
    """Return the columns of an exports.Part that hold the id of one row of a table."""
    return [column for column in part.columns if column.refers_to and not column.is_list]


# CSV on the Web: https://www.w3.org/TR/tabular-metadata/ ----------------------------------------------------------


def csvw(dataset, metadata, parts, sheets):
    """Return csv-metadata.json, with the arguments of datapackage()."""
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "dc:title": dataset["title"],
        "dc:description": about(metadata),
        "dc:identifier": dataset["id"],
        "dc:modified": dataset["as_of"],
        "dc:hasVersion": dataset["version"],
        "dc:license": {"@id": LICENCE_URL},
        "dc:bibliographicCitation": citation(dataset),
        "tables": [csvw_table(part, sheets) for part in parts],
    }


def csvw_table(part, sheets):
    """Return the table description of an exports.Part. Ids become the addresses of rows on the site that serves it."""
    schema = {"columns": [csvw_column(part, column) for column in part.columns]}
    if part.key:
        schema["primaryKey"] = part.key
    if part.key == ["id"]:
        schema["aboutUrl"] = f"../../record/{part.name}/{{id}}"
    if keys := [{
        "columnReference": [column.name], "reference": {"resource": sheets[column.refers_to]["path"], "columnReference": ["id"]},
    } for column in references(part) if column.required]:  # strict validators take an empty cell for a broken reference
        schema["foreignKeys"] = keys
    return {"url": sheets[part.name]["path"], "dc:description": part.about["description"], "tableSchema": schema}


def csvw_column(part, column):
    """Return the column description of a build.Column."""
    described = {"name": column.name, "titles": column.name, "dc:description": part.about["columns"][column.name]}
    if column.is_list:
        return described | {"datatype": "string", "separator": build.LIST_SEPARATOR, "required": column.rule == "cited"}
    words = terms(column)
    # CSV on the Web has no lists of terms, but a pattern can be one.
    any_of = words and "(" + "|".join(re.sub(r"([.*+?()|])", r"\\\1", word) for word in words) + ")"
    least, most = RANGES.get(column.rule, (None, None))
    limits = {"format": PATTERNS.get(column.rule, any_of), "minimum": least, "maximum": most}
    base = {"TEXT": "string", "INTEGER": "integer", "REAL": "double"}[column.type]
    described["datatype"] = {"base": base} | {name: value for name, value in limits.items() if value is not None}
    described["required"] = column.required
    if column.refers_to:
        described["valueUrl"] = f"../../record/{column.refers_to}/{{{column.name}}}"
    return described


# DCAT 3: https://www.w3.org/TR/vocab-dcat-3/ in JSON-LD -----------------------------------------------------------


def catalogue(dataset, metadata, parts, files):
    """Return catalog.jsonld: the catalogue, the dataset, its tables as parts, and each file as a distribution.

    files: the entries of index.json. An address is relative to that of the file: ../data is the page beside /downloads/.
    """
    timeline = next(part for part in parts if part.name == "timeline")
    topics = next(part for part in parts if part.name == "topics")
    years = sorted(row["date"][:4] for row in timeline.rows)
    common = {
        "dct:license": {"@id": LICENCE_URL},
        "dcat:version": dataset["version"],
        "dct:modified": {"@type": "xsd:date", "@value": (dataset["as_of"] + "-01-01")[:10]},
        "dct:language": {"@id": "http://publications.europa.eu/resource/authority/language/ENG"},
    }

    def distributions(table):
        return [{
            "@id": file["path"] + "#distribution",
            "@type": "dcat:Distribution",
            "dct:title": f"{table or dataset['title']}: {file['format']}",
            "dct:license": {"@id": LICENCE_URL},
            "dcat:downloadURL": {"@id": file["path"]},
            "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{file['media_type']}"},
            "dcat:byteSize": {"@type": "xsd:nonNegativeInteger", "@value": str(file["bytes"])},
            "spdx:checksum": {
                "@type": "spdx:Checksum",
                "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
                "spdx:checksumValue": {"@type": "xsd:hexBinary", "@value": file["sha256"]},
            },
        } for file in files if file["table"] == table and file["format"] not in ("Data Package", "CSVW")]

    whole = {
        "@id": "#dataset",
        "@type": "dcat:Dataset",
        "dct:title": {"@language": "en", "@value": dataset["title"]},
        "dct:description": {"@language": "en", "@value": about(metadata)},
        "dct:identifier": dataset["id"],
        **common,
        "dct:bibliographicCitation": citation(dataset),
        "dcat:keyword": [{"@language": "en", "@value": row["name"]} for row in topics.rows],
        "dcat:landingPage": {"@id": "../data"},
        "dcat:distribution": distributions(None),
        "dct:hasPart": [{
            "@id": f"#{part.name}",
            "@type": "dcat:Dataset",
            "dct:title": part.name,
            "dct:description": {"@language": "en", "@value": part.about["description"]},
            "dct:isPartOf": {"@id": "#dataset"},
            **common,
            "dcat:distribution": distributions(part.name),
        } for part in parts],
    }
    if years:
        whole["dct:temporal"] = {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": {"@type": "xsd:gYear", "@value": years[0]},
            "dcat:endDate": {"@type": "xsd:gYear", "@value": years[-1]},
        }
    return {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "spdx": "http://spdx.org/rdf/terms#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        "@id": "#catalog",
        "@type": "dcat:Catalog",
        "dct:title": {"@language": "en", "@value": dataset["title"]},
        "dct:description": {"@language": "en", "@value": about(metadata)},
        **common,
        "dcat:dataset": whole,
        "dcat:service": {
            "@id": "#api",
            "@type": "dcat:DataService",
            "dct:title": "The API",
            "dcat:endpointURL": {"@id": "../record"},
            "dcat:endpointDescription": {"@id": "../openapi.json"},
            "dcat:servesDataset": {"@id": "#dataset"},
        },
    }
