"""A pipeline that cleans a CSV file and reports itself: python3 clean_csv.py ORDERS.csv CLEAN.csv

Every row is checked; what can't be used goes into CLEAN.csv.rejects. PACE=SECONDS makes each hundred rows take longer.
"""

import csv
import os
import sys
import time

import reporting


def main(source, target):
    pace = float(os.environ.get("PACE", "0"))
    with reporting.Job("csv_processing", name=os.path.basename(source)) as job:
        job.progress(step="Validating file")
        with open(source, newline="") as rows:
            total = sum(1 for _ in csv.reader(rows)) - 1
        job.metrics["totalItems"] = total
        try:
            kept, rejected = clean(job, source, target, pace)
        except BaseException:
            # Nobody shall take half a file for a whole one.
            for left in (target, f"{target}.rejects"):
                if os.path.exists(left):
                    os.remove(left)
            raise
        job.progress(step="Validating results", processed=total, errors=rejected)
        if kept + rejected != total:
            raise ValueError(f"{total} rows came in, {kept} + {rejected} went out")
        job.progress(step="Completing", message=f"{kept} rows kept, {rejected} rejected")
    print(f"kept {kept} rejected {rejected}")


def clean(job, source, target, pace):
    kept = rejected = 0
    with (
        open(source, newline="") as rows,
        open(target, "w", newline="") as good,
        open(f"{target}.rejects", "w", newline="") as bad,
    ):
        reader, good, bad = csv.reader(rows), csv.writer(good), csv.writer(bad)
        job.progress(step="Processing headers")
        header = next(reader)
        amount = header.index("amount")
        good.writerow(header)
        bad.writerow(header)
        for number, row in enumerate(reader, 1):
            row = [cell.strip() for cell in row]
            try:
                float(row[amount])
                good.writerow(row)
                kept += 1
            except (ValueError, IndexError):
                bad.writerow(row)
                rejected += 1
            job.progress(step="Processing data", processed=number, errors=rejected)
            if pace and number % 100 == 0:
                time.sleep(pace)
    return kept, rejected


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: clean_csv.py ORDERS.csv CLEAN.csv")
    try:
        main(*sys.argv[1:])
    except reporting.Cancelled:
        sys.exit(143)
    except (OSError, ValueError) as error:
        sys.exit(f"clean_csv: {error}")
