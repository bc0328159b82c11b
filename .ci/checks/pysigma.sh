#!/usr/bin/env bash
# pySigma, the reference reader of Sigma, loads every shipped rule and every example of the document.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! python3 -m venv "$folder/venv" 2>/dev/null \
    || ! timeout 180 "$folder/venv/bin/pip" install --quiet 'pysigma>=2,<3' >/dev/null 2>&1; then
    echo 'skipped: pySigma cannot be installed'
    exit 0
fi
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib, sys
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule

texts = {str(path): path.read_text(encoding="utf-8")
         for part in ("causes", "signals") for path in sorted(pathlib.Path("rules", part).rglob("*.yml"))}
document = pathlib.Path("docs/rule-format.md").read_text(encoding="utf-8")
for number, block in enumerate(document.split("```yaml\n")[1:]):
    texts[f"docs/rule-format.md, block {number + 1}"] = block.split("```")[0].replace("utf16le|", "wide|")  # its only name for it
wrong = 0
for name, text in texts.items():
    try:
        for rule in SigmaCollection.from_yaml(text).rules:
            if rule.errors:
                raise rule.errors[0]
            if not isinstance(rule, SigmaCorrelationRule):
                for condition in rule.detection.parsed_condition:
                    condition.parsed
    except Exception as error:  # whatever it is, the rule did not load
        wrong += 1
        print(f"{name}: {type(error).__name__}: {error}")
print(f"pySigma: {len(texts)} files, {wrong} do not load")
sys.exit(1 if wrong else 0)
PYTHON
