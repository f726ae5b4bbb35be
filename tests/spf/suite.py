"""Turns the RFC 7208 test suite (YAML, as pyspf carries it) into JSON lines, one case a line.

A case: {"id", "scenario", "host", "helo", "mailfrom", "results": [...], "explanation": text or null, "zone": {...}}.
A zone: {"name": [["TYPE", data], ...]}; the type TIMEOUT means that whatever else is asked about the name times out.
"""

import json
import sys

import yaml

# A constant of the suite: where no explanation of the domain's own is expected.
NO_EXPLANATION = "DEFAULT"


def records(rows):
    """The records of one name. Rows of type SPF stand for TXT, unless the name has TXT rows of its own."""
    typed = [next(iter(row.items())) for row in rows if row != "TIMEOUT"]
    has_txt = any(kind == "TXT" for kind, _ in typed)
    for kind, data in typed:
        if kind == "SPF":
            if has_txt:
                continue
            kind = "TXT"
        if data == "NONE":
            continue
        if kind == "TXT":
            data = data if isinstance(data, str) else "".join(data)
        yield [kind, data]
    if "TIMEOUT" in rows:
        yield ["TIMEOUT", None]


def cases(path):
    with open(path, "rb") as file:
        scenarios = list(yaml.safe_load_all(file))
    for scenario in scenarios:
        zone = {name: list(records(rows)) for name, rows in scenario["zonedata"].items()}
        for name, test in scenario["tests"].items():
            result = test["result"]
            yield {
                "id": name,
                "scenario": scenario["description"],
                "host": test["host"],
                "helo": test["helo"],
                "mailfrom": test["mailfrom"],
                "results": result if isinstance(result, list) else [result],
                "explanation": test.get("explanation"),
                "zone": zone,
            }


if __name__ == "__main__":
    for case in cases(sys.argv[1]):
        print(json.dumps(case))
