// A component whose module is loaded when it is first drawn: what a page shows at once stays small.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.mjs";

// const Webcam = lazy(() => import("./webcam.mjs"), "Webcam");
export function lazy(load, name) {
  let loaded = null;
  return function Later(props) {
    const [, draw] = useState(null);
    useEffect(() => {
      if (!loaded) load().then((module) => draw({ loaded: (loaded = module[name]) }));
    }, []);
    return loaded && html`<${loaded} ...${props} />`;
  };
}
