// An answer of the API for as long as a component is drawn.
import { useEffect, useState } from "preact/hooks";

// load(signal) makes the call, again when a value of the list `of` changes, or by again(). The answer before stays until
// the next one comes: {answer, problem, busy, again}.
export function useAnswer(load, of = []) {
  const [found, setFound] = useState({ busy: true });
  const [times, setTimes] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setFound(({ answer }) => ({ answer, busy: true }));
    load(stop.signal).then(
      (answer) => setFound({ answer }),
      (problem) => problem.name !== "AbortError" && setFound({ problem }),
    );
    return () => stop.abort();
  }, [...of, times]);
  return { ...found, again: () => setTimes((before) => before + 1) };
}
