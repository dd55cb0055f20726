// The empty task, as piscina wants it: the default export of a file.
export default (value) => value;
