// A node:test reporter: silent about what passes, whole about what fails, one closing line.
export default async function* report(source) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of source) {
    // A file is reported as a test of its own around its tests; only the tests count.
    const isFile = data?.details?.type === "suite" || data?.name === data?.file;
    if (type === "test:pass" && data.skip !== undefined) {
      yield `left out: ${data.name}\n`;
      continue;
    }
    if (type === "test:pass" && !isFile) passed++;
    if (type === "test:fail") {
      const error = data.details?.error;
      const cause = error?.cause ?? error;
      if (isFile && error?.failureType === "subtestsFailed") continue;
      failed++;
      yield `FAILED ${data.name}\n${cause?.stack ?? cause?.message ?? cause}\n`;
    }
    if (type === "test:stderr" || type === "test:stdout") yield data.message;
  }
  yield `node: ${passed} passed, ${failed} failed\n`;
}
