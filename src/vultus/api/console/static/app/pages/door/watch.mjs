// The loop of the door: a frame, its answer, the next frame. Never two requests at once, at most two frames a second.
import { useEffect, useState } from "preact/hooks";
import { Problem, postForm } from "../../api.mjs";
import { still } from "../../parts/webcam.mjs";

const FRAME_MS = 600;
const HOLD_MS = 3000; // for which a verdict stays after the last face was seen
const WAIT_SECONDS = 2;
const PASSES = ["rate_limited", "queue_full", "queue_timeout", "not_ready", "unreachable"];
const NOT_JUDGED = ["no_face_detected", "low_quality", "presentation_attack_suspected", "liveness_not_judged", "multiple_faces"];

// seen: {kind, at, face?, code?}: what the last frame showed. waits: why nothing is asked now. problem: why it stopped.
export function useDoor(video, { on, collection, live }) {
  const [now, setNow] = useState({});
  useEffect(() => {
    if (!on) return;
    setNow({});
    const stop = new AbortController();
    watch(video, { collection, live, signal: stop.signal, show: (found) => setNow((before) => next(before, found)) });
    return () => stop.abort();
  }, [on, collection, live]);
  return now;
}

async function watch(video, { collection, live, signal, show }) {
  while (!signal.aborted) {
    const began = performance.now();
    let seconds = 0;
    if (video.current?.videoWidth) {
      const found = await look(video.current, collection, live, signal);
      if (signal.aborted || !found) return;
      show(found);
      if (found.problem) return;
      seconds = found.waits ? (found.waits.retryAfter ?? WAIT_SECONDS) : 0;
    }
    await pauseOf(Math.max(1000 * seconds, FRAME_MS - (performance.now() - began), 50), signal);
  }
}

async function look(video, collection, live, signal) {
  const at = new Date();
  try {
    const img = await still(video);
    const form = { img, collection, top_k: 2, liveness: live ? "report" : undefined };
    const { faces } = await postForm("find", form, { signal });
    return { seen: { kind: kindOf(faces[0]), at, face: faces[0] } };
  } catch (problem) {
    if (problem.name === "AbortError") return null;
    if (!(problem instanceof Problem)) throw problem;
    if (problem.code === "no_face_detected") return { seen: { kind: "nobody", at } };
    if (NOT_JUDGED.includes(problem.code)) return { seen: { kind: "unreliable", at, code: problem.code } };
    return passes(problem) ? { waits: problem } : { problem };
  }
}

// match, ambiguous, unknown, unreliable; or attack, which is never shown as a name.
const kindOf = ({ decision, liveness }) => (liveness?.decision === "attack" ? "attack" : decision);
const passes = ({ code, status }) => PASSES.includes(code) || status >= 500;

// Who was seen stays for a moment when the face turns away. What waits or stops takes it away at once.
function next({ seen: before }, { seen, waits = null, problem = null }) {
  const held = seen?.kind === "nobody" && before && before.kind !== "nobody" && seen.at - before.at < HOLD_MS;
  return { seen: held ? before : (seen ?? null), waits, problem };
}

function pauseOf(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
