"""Dashboards through Grafana's Python SDK and back: what does not come back, Grafana would not keep. Called by
scripts/check-dashboards."""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(before, after, path=""):
    """Paths that are in the one and not in the other. What is null or empty may go."""
    if isinstance(before, dict):
        for key, value in before.items():
            if value in (None, "", [], {}, False):
                continue
            if not isinstance(after, dict) or key not in after:
                yield f"{path}/{key}"
            else:
                yield from lost(value, after[key], f"{path}/{key}")
    elif isinstance(before, list):
        if not isinstance(after, list) or len(after) != len(before):
            yield path
            return
        for place, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{path}[{place}]")
    elif before != after:
        yield f"{path}: {before!r} becomes {after!r}"


def returned(dashboard):
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


faults = 0
for name in sys.argv[1:]:
    with open(name) as file:
        dashboard = json.load(file)
    for path in lost(dashboard, returned(dashboard)):
        print(f"{name}: {path}")
        faults += 1
with open(sys.argv[1]) as file:
    misspelt = json.load(file)
misspelt["panels"][0]["gridPoss"] = misspelt["panels"][0].pop("gridPos")
if not list(lost(misspelt, returned(misspelt))):
    sys.exit("a misspelt key is not noticed")
if faults:
    sys.exit(f"{faults} keys that do not come back")
print(f"round trip: {len(sys.argv) - 1} dashboards come back as they went in")
