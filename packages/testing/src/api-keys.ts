/** A key directory in which there is nothing: the configured key, if any, is the only one. */
export const noStoredKeys = {
  find: () => Promise.resolve(null),
  any: () => Promise.resolve(false),
};
