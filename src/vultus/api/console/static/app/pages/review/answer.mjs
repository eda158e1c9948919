// What a path answers, asked again when something changed; what was shown stays until then.
import { useEffect, useState } from "preact/hooks";
import { get } from "../../api.mjs";

export function useAnswer(path, query) {
  const [found, setFound] = useState({});
  const [times, setTimes] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    get(path, query, { signal: stop.signal }).then(
      (answer) => setFound({ answer }),
      (problem) => problem.name !== "AbortError" && setFound({ problem }),
    );
    return () => stop.abort();
  }, [path, times]);
  return { ...found, again: () => setTimes((before) => before + 1) };
}
