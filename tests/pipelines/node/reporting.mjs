// What a pipeline in Node needs to be seen and controlled by jobtop: its WebSocket, and the `ws` package alone.
//
//   const job = new Job('field_mapping', { name: 'orders.csv', totalItems: 120_000 });
//   await job.run(async () => {
//     for await (const row of rows) {
//       await job.checkpoint();                       // waits while paused, throws Cancelled once cancelled
//       job.progress({ step: 'Transforming data', processed: ++done });
//     }
//   });
//
// The connection that made the job is its producer: the daemon sends it `job_control`, and it answers `control_ack` once
// that is done. A lost connection comes back by itself, takes its job up again by `adopt_job` and says where it stands.

import os from 'node:os';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';

const REPORT_EVERY = 100; // Milliseconds between two reports of progress.
const FIRST_PAUSE = 200; // Milliseconds before the first attempt to come back; doubled each time up to LONGEST_PAUSE.
const LONGEST_PAUSE = 5000;
const FAREWELL = 60_000; // Milliseconds for which the end is tried to be told.

/** Somebody cancelled the job. Tidy up, and let it pass. */
export class Cancelled extends Error {}

/** ws+unix:SOCKET:/progress for the local daemon, or JOBTOP_ADDRESS=127.0.0.1:7411 for one with a TCP port. */
function address() {
  if (process.env.JOBTOP_ADDRESS) return `ws://${process.env.JOBTOP_ADDRESS}/progress`;
  const state = process.env.XDG_STATE_HOME || path.join(os.homedir(), '.local', 'state');
  const folder = process.env.XDG_RUNTIME_DIR || state;
  return `ws+unix:${process.env.JOBTOP_SOCKET || path.join(folder, 'jobtop', 'jobtopd.sock')}:/progress`;
}

export class Job {
  #socket = null; // Open, and its job is ours; else null.
  #answers = new Map(); // requestId → how to settle it.
  #create; // What the job is made of; the same key each time, so that it is made once.
  #state = {}; // The newest of everything that was said: after an outage all of it is said again.
  #timer = null;
  #paused = false;
  #standstill = false; // A pause is to be acknowledged, once the work stands still.
  #cancelled = false;
  #unwanted = null; // Why the daemon does not take the job: the work goes on unseen.
  #awaken = []; // Those who wait in checkpoint().
  #closing = false;
  #there; // Resolves when the job is ours.
  #arrived;

  constructor(jobType, more = {}) {
    this.#create = { type: 'create_job', jobType, idempotencyKey: randomUUID(), ...more };
    this.#gone();
    this.#keepConnected();
  }

  /** Does the work: the job completes when it is done, and fails with what it throws. */
  async run(work) {
    let end;
    try {
      await work();
      end = { type: 'complete_job' };
    } catch (error) {
      // The work has stopped and is tidied up: only now is the request to cancel acknowledged.
      end =
        error instanceof Cancelled
          ? { type: 'control_ack', action: 'cancel', ok: true }
          : { type: 'fail_job', error: error.message || String(error), code: error.code ?? error.name };
      throw error;
    } finally {
      await this.#end(end);
    }
  }

  /** Says how far the work is; call it as often as you like, the newest is sent ten times a second. */
  progress({ step, processed, errors, total, message } = {}) {
    const metrics = { ...this.#state.metrics };
    if (processed !== undefined) metrics.processedItems = processed;
    if (errors !== undefined) metrics.errorCount = errors;
    if (total !== undefined) metrics.totalItems = total;
    this.#state.metrics = metrics;
    if (step !== undefined) this.#state.step = step;
    if (message !== undefined) this.#state.message = message;
    this.#timer ??= setTimeout(() => this.#report(), REPORT_EVERY);
  }

  /** Call it where the work can stand still: returns at once, or when the job goes on; throws once it is cancelled. */
  async checkpoint() {
    while (this.#paused && !this.#cancelled) {
      if (this.#standstill) this.#done('pause');
      await new Promise((go) => this.#awaken.push(go));
    }
    if (this.#cancelled) throw new Cancelled('cancelled');
  }

  #report() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#socket) this.#send({ type: 'update_progress', jobId: this.id, ...this.#state });
  }

  async #end(end) {
    this.#report();
    const deadline = Date.now() + FAREWELL;
    while (!this.#unwanted && Date.now() < deadline) {
      try {
        await Promise.race([this.#there, sleep(deadline - Date.now(), null, { ref: false })]);
        if (this.#socket) {
          await this.#ask({ jobId: this.id, ...end });
          break;
        }
      } catch (error) {
        if (error.code !== undefined) break; // Refused: it has ended already, and what the daemon says holds.
        // The connection was cut before the answer: asked again, since a second time does no harm.
      }
    }
    this.#closing = true;
    this.#socket?.close();
  }

  async #keepConnected() {
    let pause = FIRST_PAUSE;
    while (!this.#closing && !this.#unwanted) {
      try {
        await this.#connection(() => (pause = FIRST_PAUSE));
      } catch {
        // Nobody answers; the next attempt may find somebody.
      }
      if (this.#closing) return;
      await sleep(pause / 2 + (Math.random() * pause) / 2, null, { ref: false });
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  /** One connection, from its beginning to its end. */
  #connection(connected) {
    return new Promise((over, failed) => {
      const headers = process.env.JOBTOP_TOKEN ? { Authorization: `Bearer ${process.env.JOBTOP_TOKEN}` } : {};
      const socket = new WebSocket(address(), { headers, handshakeTimeout: 10_000 });
      socket.on('error', failed);
      socket.on('close', () => {
        this.#gone();
        over();
      });
      socket.on('message', (text) => this.#hear(JSON.parse(text)));
      socket.on('open', async () => {
        connected();
        try {
          await this.#takeUp(socket);
        } catch (error) {
          if (error.code !== undefined) this.#refused(error);
          socket.close();
        }
      });
    });
  }

  /** Makes the job, or takes up the one we made on an earlier connection. */
  async #takeUp(socket) {
    let job;
    try {
      const adopt = { type: 'adopt_job', jobId: this.id };
      ({ job } = await this.#ask(this.id ? adopt : this.#create, socket));
    } catch (error) {
      if (error.code !== 'job_not_found') throw error;
      // The daemon has another store now and has never heard of it.
      ({ job } = await this.#ask(this.#create, socket));
    }
    this.id = job.id;
    this.#socket = socket;
    this.#paused = job.status === 'paused';
    if (job.control) this.#obey(job.control.action); // Asked while we were away.
    this.#report();
    this.#arrived();
  }

  #refused(error) {
    if (error.code === 'job_finished') {
      this.#stop();
    } else {
      this.#unwanted = error;
      console.error(`jobtop: ${error.message}; the work goes on unseen`);
    }
    this.#arrived();
  }

  #gone() {
    this.#socket = null;
    this.#there = new Promise((resolve) => (this.#arrived = resolve));
    for (const { reject } of this.#answers.values()) reject(new Error('the connection was cut'));
    this.#answers.clear();
  }

  #hear(message) {
    switch (message.type) {
      case 'job_control':
        if (message.jobId === this.id) this.#obey(message.action);
        break;
      case 'ping':
        this.#send({ type: 'pong' });
        break;
      case 'ok':
        this.#settle(message, ({ resolve }) => resolve(message));
        break;
      case 'error': {
        const error = Object.assign(new Error(message.message), { code: message.code });
        if (message.requestId !== undefined) this.#settle(message, ({ reject }) => reject(error));
        else if (message.code === 'job_finished') this.#stop();
        else console.error(`jobtop: ${error.message}`);
        break;
      }
    }
  }

  #settle(message, how) {
    const waiting = this.#answers.get(message.requestId);
    this.#answers.delete(message.requestId);
    if (waiting) how(waiting);
  }

  #obey(action) {
    if (action === 'cancel') return this.#stop(); // Acknowledged by the end, when the work has stopped.
    this.#paused = action === 'pause';
    // What was on its way when it was asked to stop is still being done: a pause is acknowledged by who then waits.
    this.#standstill = this.#paused && this.#awaken.length === 0;
    if (this.#standstill) return;
    this.#done(action);
    if (!this.#paused) this.#wake();
  }

  /** Acknowledges, after the last word on how far the work is: nothing shall move of a job that is paused. */
  #done(action) {
    this.#standstill = false;
    this.#report();
    this.#send({ type: 'control_ack', jobId: this.id, action, ok: true });
  }

  #stop() {
    this.#cancelled = true;
    this.#wake();
  }

  #wake() {
    for (const go of this.#awaken.splice(0)) go();
  }

  #ask(message, socket = this.#socket) {
    const requestId = randomUUID();
    return new Promise((resolve, reject) => {
      this.#answers.set(requestId, { resolve, reject });
      socket.send(JSON.stringify({ ...message, requestId }));
    });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
