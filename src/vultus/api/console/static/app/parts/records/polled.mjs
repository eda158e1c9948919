// An answer that is asked for again by itself, while the page is seen.
import { useEffect, useRef, useState } from "preact/hooks";

// load(signal) makes the call, every so many milliseconds; not while the page is hidden, nor while `paused`. A failure
// leaves the answer before in place: {answer, problem, at, busy, again}; at: when the answer came.
export function usePolled(load, milliseconds, paused = false) {
  const [found, setFound] = useState({ busy: true });
  const now = useRef(() => {});
  useEffect(() => {
    let timer;
    let stop = null;
    const ask = async () => {
      clearTimeout(timer);
      stop?.abort();
      const own = (stop = new AbortController());
      setFound((before) => ({ ...before, busy: true }));
      try {
        const answer = await load(own.signal);
        setFound({ answer, at: new Date() });
      } catch (problem) {
        if (problem.name === "AbortError") return;
        setFound((before) => ({ ...before, problem, busy: false }));
      }
      if (!own.signal.aborted) wait();
    };
    const wait = () => (timer = document.hidden || paused ? null : setTimeout(ask, milliseconds));
    const seen = () => (document.hidden ? clearTimeout(timer) : paused || ask());
    now.current = ask;
    document.addEventListener("visibilitychange", seen);
    ask();
    return () => (document.removeEventListener("visibilitychange", seen), clearTimeout(timer), stop?.abort());
  }, [paused]);
  return { ...found, again: () => now.current() };
}
