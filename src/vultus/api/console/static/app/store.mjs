// A value that components follow: const theme = store("system"); useStore(theme) draws again when it is set.
import { useEffect, useState } from "preact/hooks";

export function store(value) {
  const followers = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const follow of [...followers]) follow(value);
    },
    follow(follow) {
      followers.add(follow);
      return () => followers.delete(follow);
    },
  };
}

export function useStore(followed) {
  const [, draw] = useState(0);
  useEffect(() => followed.follow(() => draw((times) => times + 1)), [followed]);
  return followed.get();
}
