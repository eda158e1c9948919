// The people of a collection, page by page: searched by name or the beginning of the id, and sorted.
import { useEffect, useRef, useState } from "preact/hooks";
import { address, get } from "../../api.mjs";

const WAIT_MS = 200; // after the last key, before it is searched
const EMPTY = { people: [], next: null, busy: true, problem: null };

// people; busy; problem; more: fetches the next page, null at the end. A collection that is not there yet has nobody.
export function useSubjects(collection, { q = "", sort = "name", limit = 60 } = {}) {
  const [listed, setListed] = useState(EMPTY);
  const stop = useRef(new AbortController());
  const ask = (query, before) => {
    const { signal } = stop.current;
    const path = address`collections/${collection}/subjects`;
    setListed((now) => ({ ...now, busy: true, problem: null }));
    get(path, { q: q.trim() || undefined, sort, limit, ...query }, { signal }).then(
      ({ subjects, next_cursor: next }) => setListed({ people: [...before, ...subjects], next, busy: false, problem: null }),
      (problem) => signal.aborted || setListed(failed(problem, before)),
    );
  };
  useEffect(() => {
    stop.current = new AbortController();
    const timer = setTimeout(ask, q ? WAIT_MS : 0, {}, []);
    return () => (clearTimeout(timer), stop.current.abort());
  }, [collection, q.trim(), sort]);
  const more = listed.next ? () => ask({ cursor: listed.next }, listed.people) : null;
  return { ...listed, more };
}

const failed = (problem, people) => ({
  ...EMPTY,
  people,
  busy: false,
  problem: problem.code === "collection_not_found" ? null : problem,
});
