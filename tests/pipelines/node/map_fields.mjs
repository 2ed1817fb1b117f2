// A pipeline that maps the fields of a CSV file and reports itself: node map_fields.mjs ORDERS.csv MAPPED.jsonl
//
// Columns are renamed, amounts become numbers; rows that can't be mapped are counted as errors and left out. PACE=SECONDS
// makes each hundred rows take longer.

import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cancelled, Job } from './reporting.mjs';

const MAPPING = { id: 'orderId', name: 'customer', amount: 'total' };

const lines = (file) => readline.createInterface({ input: fs.createReadStream(file), crlfDelay: Infinity });

// The cells of this pipeline's input have no commas but in its last column, which is not mapped.
const cells = (line) => line.split(',').map((cell) => cell.trim());

async function count(file) {
  let rows = -1;
  for await (const _ of lines(file)) rows += 1;
  return rows;
}

async function map(job, source, target, pace) {
  const out = fs.createWriteStream(target);
  let header = null;
  let done = 0;
  let errors = 0;
  try {
    for await (const line of lines(source)) {
      if (!header) {
        header = cells(line);
        continue;
      }
      await job.checkpoint();
      const row = cells(line);
      const mapped = {};
      for (const [from, to] of Object.entries(MAPPING)) mapped[to] = row[header.indexOf(from)];
      mapped.total = mapped.total ? Number(mapped.total) : NaN;
      if (Number.isFinite(mapped.total)) {
        if (!out.write(`${JSON.stringify(mapped)}\n`)) await new Promise((go) => out.once('drain', go));
      } else {
        errors += 1;
      }
      done += 1;
      job.progress({ step: 'Transforming data', processed: done, errors });
      if (pace && done % 100 === 0) await sleep(pace * 1000);
    }
  } finally {
    await new Promise((closed) => out.end(closed));
  }
  return { done, errors };
}

async function main(source, target) {
  const job = new Job('field_mapping', { name: path.basename(source) });
  await job.run(async () => {
    try {
      job.progress({ step: 'Loading configuration' });
      const total = await count(source);
      job.progress({ step: 'Applying mappings', total });
      const { done, errors } = await map(job, source, target, Number(process.env.PACE ?? 0));
      job.progress({ step: 'Validating output' });
      if (done !== total) throw new Error(`${total} rows came in, ${done} were mapped`);
      job.progress({ step: 'Completing', message: `${done - errors} rows mapped, ${errors} left out` });
      console.log(`mapped ${done - errors} left out ${errors}`);
    } catch (error) {
      // Nobody shall take half a file for a whole one.
      fs.rmSync(target, { force: true });
      throw error;
    }
  });
}

const [source, target] = process.argv.slice(2);
if (!source || !target) {
  console.error('usage: map_fields.mjs ORDERS.csv MAPPED.jsonl');
  process.exit(2);
}
try {
  await main(source, target);
} catch (error) {
  if (!(error instanceof Cancelled)) console.error(`map_fields: ${error.message}`);
  process.exitCode = error instanceof Cancelled ? 143 : 1;
}
