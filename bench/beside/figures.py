"""Figures: a list of one number for each round, by topic, row and column; kept in a file, from which the page is made."""

import json
import os
import statistics


class Rows:
    """Of one topic."""

    def __init__(self, title):
        self.title = title
        self.rows = {}

    def add(self, row, **numbers):
        """What one round gave; nothing, for what this row does not have."""
        numbers = {column: number for column, number in numbers.items() if number is not None}
        for column, number in numbers.items():
            self.rows.setdefault(row, {}).setdefault(column, []).append(float(f"{number:.5g}"))
        print(f"  {row}: " + ", ".join(f"{column} {number:.4g}" for column, number in numbers.items()), flush=True)

    def show(self):
        """Prints medians, with the least and the most in parentheses."""
        print(f"\n{self.title}: medians (least, most)")
        for row, columns in self.rows.items():
            print(f"  {row}")
            for column, numbers in columns.items():
                print(f"    {column.replace('_', ' '):28} {statistics.median(numbers):10.4g}  ({min(numbers):.4g}, {max(numbers):.4g}; {len(numbers)})")


def load(path):
    """What the file has; nothing, if there is none."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def keep(path, topic, rows):
    """Replaces what it has of this topic."""
    found = load(path)
    found[topic] = rows.rows
    # A line for each row.
    topics = []
    for name, lines in sorted(found.items()):
        body = ",\n".join(f"  {json.dumps(row)}: {json.dumps(columns)}" for row, columns in lines.items())
        topics.append(f"{json.dumps(name)}: {{\n{body}\n}}")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(topics) + "\n}\n")
