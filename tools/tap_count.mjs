/** Counting of TAP text: only leaves count, a subtest's own line repeats what its assertions said. */

/**
 * @param {string} text
 * @returns {{ passed: number, failed: number, skipped: number, failures: string[] }}
 */
export function countTap(text) {
  const result = { passed: 0, failed: 0, skipped: 0, failures: [] };
  // Indentation of plans seen since the last test line: a deeper one means that this line closes a subtest.
  let closed = -1;
  let leavesFailed = 0;
  for (const line of text.split('\n')) {
    const plan = /^( *)1\.\.\d+/.exec(line);
    if (plan) {
      closed = plan[1].length;
      continue;
    }
    const test = /^( *)(not )?ok\b(.*)$/.exec(line);
    if (!test) continue;
    const [, indent, not, rest] = test;
    const closesSubtest = closed > indent.length;
    closed = -1;
    const failed = not !== undefined && !/# *TODO\b/i.test(rest);
    if (closesSubtest) {
      // A subtest can fail without a failing assertion: a wrong plan, an exception.
      if (failed && leavesFailed === 0) record(rest);
      if (indent.length === 0) leavesFailed = 0;
      continue;
    }
    if (/# *SKIP\b/i.test(rest)) result.skipped++;
    else if (failed) record(rest);
    else result.passed++;
  }
  function record(rest) {
    leavesFailed++;
    result.failed++;
    result.failures.push(rest.replace(/^ *\d* *-? */, '').replace(/ # time=.*| \{$/g, ''));
  }
  return result;
}
