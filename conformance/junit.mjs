/** JUnit XML, the form that CI systems read. */

const escape = (text) => text
  .replace(/[^\t\n\x20-\x7e]/g, '?')
  .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/**
 * @param {string} suite name of the suite
 * @param {{ name: string, ms: number, message: string, skipped: boolean }[]} cases
 */
export function junit(suite, cases) {
  const failures = cases.filter((test) => test.message !== '' && !test.skipped).length;
  const skipped = cases.filter((test) => test.skipped).length;
  const seconds = (ms) => (ms / 1000).toFixed(3);
  const lines = cases.map((test) => {
    const open = `  <testcase classname="${escape(suite)}" name="${escape(test.name)}" time="${seconds(test.ms)}"`;
    if (test.skipped) return `${open}><skipped/></testcase>`;
    if (test.message === '') return `${open}/>`;
    return `${open}><failure message="${escape(test.message.split('\n')[0])}">${escape(test.message)}</failure></testcase>`;
  });
  return '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<testsuite name="${escape(suite)}" tests="${cases.length}" failures="${failures}" skipped="${skipped}" ` +
    `time="${seconds(cases.reduce((sum, test) => sum + test.ms, 0))}">\n${lines.join('\n')}\n</testsuite>\n`;
}
