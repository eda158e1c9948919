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
  const drawn = followed.get();
  useEffect(() => {
    const again = () => draw((times) => times + 1);
    if (followed.get() !== drawn) again(); // it was set after it was drawn, and before it was followed
    return followed.follow(again);
  }, [followed]);
  return drawn;
}
