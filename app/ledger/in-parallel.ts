/** Several things at once, but not too many. */

/**
 * Does `work` for every item, for at most `most` of them at a time; an item is asked for once there is room
 * for it. When one fails no further one is begun. Ends when nothing is under way any more, and throws the
 * first failure then.
 */
export async function inParallel<T>(
  most: number,
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const begin = (item: T): void => {
    const one = work(item)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .then(() => void running.delete(one));
    running.add(one);
  };
  try {
    for await (const item of items) {
      begin(item);
      if (running.size >= most) await Promise.race(running);
      if (failure !== undefined) break;
    }
  } finally {
    await Promise.all(running);
  }
  if (failure !== undefined) throw failure.error;
}
