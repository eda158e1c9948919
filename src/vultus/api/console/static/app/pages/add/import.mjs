// The import of this tab: sends photos, two at a time, and notes what became of each. It goes on while other pages are
// looked at; a server that is away is waited for, as a photo that is sent twice is one face.
import { Problem, get } from "../../api.mjs";
import { session } from "../../session.mjs";
import { store } from "../../store.mjs";
import { forgetAll, keepRun, mark } from "./marks.mjs";
import { enrollPhoto } from "./one-photo.mjs";

const AT_ONCE = 2;
const WAIT_SECONDS = 2;
const DRAW_MS = 150;
const MOST_FAULTS = 10; // internal errors in a row are not about the photos
const MOST_BREAKS = 3; // of the connection, for one photo, while the server answers otherwise
const PASSES = ["rate_limited", "queue_full", "queue_timeout", "not_ready", "unreachable"];
const FOR_ALL = ["model_mismatch", "model_not_installed", "collection_not_allowed"]; // the next photo would fare the same

// What is chosen or sent: null, {phase: "preview", found} or an Import.
export const importing = store(null);
session.follow(({ phase, problem }) => phase === "out" && !problem && end()); // somebody signed out

export function end() {
  importing.get()?.cancel?.();
  forgetAll();
  importing.set(null);
}

// phase: running, paused, ended (nothing is left to send) or cancelled. waits: why nothing is sent just now. problem: why it stopped.
export class Import {
  constructor(photos, collection) {
    Object.assign(this, { photos, collection, phase: "paused", waits: null, problem: null, faults: 0 });
    this.queue = photos.filter(({ state }) => state === "waiting");
    this.working = Promise.resolve();
    Object.assign(this, { began: null, sentBefore: this.done }); // since the last start, for the time left
  }

  get done() {
    return this.photos.length - this.queue.length - this.photos.filter(({ state }) => state === "sending").length;
  }

  start() {
    if (this.phase === "running") return;
    Object.assign(this, { phase: "running", waits: null, problem: null, faults: 0 });
    this.halt = new AbortController(); // no further photo
    this.cut = new AbortController(); // nor those under way
    const { halt, cut } = this;
    this.working = this.working.then(async () => {
      Object.assign(this, { began: performance.now(), sentBefore: this.done });
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work(halt.signal, cut.signal)));
      if (!this.queue.length && this.phase !== "cancelled") this.#become("ended");
    });
    this.#changed();
  }

  pause() {
    this.halt?.abort();
    this.#become("paused");
  }

  cancel() {
    this.halt?.abort();
    this.cut?.abort();
    if (this.phase !== "ended") this.#become("cancelled");
  }

  // face: "largest" for photos that show several.
  retry(photos, face) {
    for (const photo of photos) Object.assign(photo, { state: "waiting", problem: null, face });
    this.queue.push(...photos);
    this.start();
  }

  async #work(halt, cut) {
    while (!halt.aborted && this.queue.length) {
      const photo = this.queue.shift();
      photo.state = "sending";
      const outcome = await this.#outcome(photo, halt, cut);
      if (outcome) this.#note(photo, outcome);
      else this.queue.unshift(Object.assign(photo, { state: "waiting" }));
    }
  }

  #note(photo, outcome) {
    Object.assign(photo, outcome);
    if (photo.state !== "refused") mark(photo, this.collection);
    this.#changed();
  }

  // What became of a photo; null when it was not sent, and will be later.
  async #outcome(photo, halt, cut) {
    for (let breaks = 0; ; breaks++) {
      try {
        const outcome = await enrollPhoto(photo, this.collection, cut);
        Object.assign(this, { waits: null, faults: 0 });
        return outcome;
      } catch (problem) {
        if (problem.name === "AbortError") return null;
        if (!(problem instanceof Problem)) throw problem;
        const next = await this.#after(problem, photo, breaks, halt);
        if (next !== "again") return next;
      }
    }
  }

  async #after(problem, photo, breaks, halt) {
    this.faults = problem.code === "internal" ? this.faults + 1 : 0;
    if (problem.status === 401 || problem.status === 403 || FOR_ALL.includes(problem.code) || this.faults >= MOST_FAULTS) {
      this.#stop(problem);
      return null;
    }
    const broken = problem.code === "unreachable";
    if (broken && !(await isReadable(photo.file))) return refused({ code: "unreadable", detail: "" });
    if (!passes(problem) || (broken && breaks >= MOST_BREAKS)) return refused(problem);
    await this.#away(problem, halt);
    return halt.aborted ? null : "again";
  }

  // Waits as long as the server asks, or until it is there again.
  async #away(problem, halt) {
    this.waits = problem;
    this.#changed();
    do await pauseOf(problem.retryAfter ?? WAIT_SECONDS, halt);
    while (!halt.aborted && problem.status !== 429 && !(await isReady()));
  }

  #stop(problem) {
    this.halt.abort();
    this.cut.abort();
    this.problem = problem;
    this.#become("paused");
  }

  #become(phase) {
    Object.assign(this, { phase, waits: null });
    if (phase === "ended" || phase === "cancelled") forgetAll();
    this.#changed();
  }

  #changed() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      if (importing.get() !== this) return;
      if (this.phase === "running" || this.phase === "paused")
        keepRun({ collection: this.collection, done: this.done, total: this.photos.length });
      importing.set(this);
    }, DRAW_MS);
  }
}

const refused = (problem) => ({ state: "refused", problem });
// A proxy says 502 or 504 for a server that is away.
const passes = ({ code, status }) => PASSES.includes(code) || (code === "unexpected" && status >= 502);
const isReady = () => get("readiness").then(() => true, () => false);
const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false); // changed or gone meanwhile

function pauseOf(seconds, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, 1000 * seconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
