/**
 * One thing at a time: what a state machine wants done may yield the next event for it or for the other one;
 * that event waits until all that was wanted before it is done.
 */
export function createTurns(): (task: () => void) => void {
  const waiting: (() => void)[] = [];
  let busy = false;
  return (task) => {
    waiting.push(task);
    if (busy) return;
    busy = true;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next();
    } finally {
      busy = false;
    }
  };
}
