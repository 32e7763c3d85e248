"""Writes what is made in this folder: `python3 deploy/made.py`, or `--check` to say what is not as it would be made.

The tables stand in alerts.py and boards.py; nothing but Python's own library is needed."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
NOTE = "# Made by deploy/made.py: change the tables there.\n"


def yaml(value, indent=0):
    """Plain YAML: mappings and lists in blocks, text in quotes where it needs them, long expressions as they stand."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            if isinstance(inner, (dict, list)) and inner:
                lines.append(f"{pad}{key}:\n{yaml(inner, indent + 1)}")
            else:
                lines.append(f"{pad}{key}: {scalar(inner, indent)}")
        return "\n".join(lines)
    lines = []
    for inner in value:
        if isinstance(inner, dict) and inner:
            block = yaml(inner, indent + 1)
            lines.append(f"{pad}- {block.lstrip()}")
        else:
            lines.append(f"{pad}- {scalar(inner, indent)}")
    return "\n".join(lines)


def scalar(value, indent):
    if isinstance(value, str) and "\n" in value:
        pad = "  " * (indent + 1)
        return "|-\n" + "\n".join(pad + line for line in value.split("\n"))
    if isinstance(value, str):
        plain = value and value[0].isalpha() and not set(value) & set(":#{}[]\"'%&*!|>`,")
        return value if plain and value not in ("true", "false", "null") else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def all_files():
    import alerts
    import boards

    for name, rules in alerts.rules().items():
        yield f"prometheus/{name}.rules.yml", NOTE + yaml(rules) + "\n"
    for name, cases in alerts.cases().items():
        yield f"prometheus/{name}.test.yml", NOTE + yaml(cases) + "\n"
    for name, board in boards.all_boards():
        yield f"grafana/{name}.json", json.dumps(board, indent=2, ensure_ascii=False) + "\n"


def main():
    other = []
    for path, text in all_files():
        full = os.path.join(HERE, path)
        old = open(full, encoding="utf-8").read() if os.path.exists(full) else None
        if old == text:
            continue
        other.append(path)
        if "--check" not in sys.argv:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
    for path in other:
        print(("not as made: " if "--check" in sys.argv else "made ") + "deploy/" + path)
    return 1 if other and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
