// What a button starts: busy while it is under way, and the problem that it ended with.
// const { run, busy, problem } = useAction();  run(() => post(...)) gives the answer, or undefined after a problem.
import { useRef, useState } from "preact/hooks";
import { Problem } from "../api.mjs";

export function useAction() {
  const [state, setState] = useState({ busy: false, problem: null });
  const under = useRef(false);
  const run = async (work) => {
    if (under.current) return undefined; // a second click
    under.current = true;
    setState({ busy: true, problem: null });
    try {
      const answer = await work();
      setState({ busy: false, problem: null });
      return answer ?? null;
    } catch (problem) {
      setState({ busy: false, problem: problem instanceof Problem ? problem : null });
      if (!(problem instanceof Problem)) throw problem;
      return undefined;
    } finally {
      under.current = false;
    }
  };
  return { run, ...state };
}
