// People: everybody who is enrolled in the collection, or one of them.
import { html } from "../html.mjs";
import { lazy } from "../lazy.mjs";
import { Everybody } from "./people/everybody.mjs";

const Person = lazy(() => import("./people/person.mjs"), "Person");

export default function People({ route, collection }) {
  const [subject] = route.rest;
  if (!subject) return html`<${Everybody} key=${collection} query=${route.query} collection=${collection} />`;
  return html`<${Person} key=${`${collection}/${subject}`} subject=${subject} collection=${collection} />`;
}
