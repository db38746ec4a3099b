/**
 * `Promise.withResolvers` for Node 20, which libp2p's packages call and which came with Node 22.
 * Must be imported before anything of libp2p.
 */
interface Resolvers<T> {
  promise: Promise<T>;
  resolve: (value: T | PromiseLike<T>) => void;
  reject: (reason?: unknown) => void;
}

const target = Promise as unknown as { withResolvers?: () => Resolvers<unknown> };

target.withResolvers ??= function withResolvers(): Resolvers<unknown> {
  let resolve!: Resolvers<unknown>['resolve'];
  let reject!: Resolvers<unknown>['reject'];
  const promise = new Promise<unknown>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
};
