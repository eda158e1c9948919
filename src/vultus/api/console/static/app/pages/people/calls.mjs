// The calls about one person: the path, and the line of Python.
import { address } from "../../api.mjs";

export const pathOf = ({ collection, subject }) => address`collections/${collection}/subjects/${subject}`;
export const pythonOf = ({ collection, subject }, call, more = "") =>
  `client.subjects.${call}(${JSON.stringify(subject)}${more}, collection=${JSON.stringify(collection)})`;
