// Every method of the official JS SDK once; prints what it saw as one line of JSON.
import { Client } from "@langchain/langgraph-sdk";

const client = new Client({ apiUrl: process.env.URL, apiKey: process.env.API_KEY });
const nouns = ["assistants", "threads", "runs", "crons", "store"];
const called = new Set();
const offered = nouns.flatMap((noun) =>
  Object.getOwnPropertyNames(Object.getPrototypeOf(client[noun]))
    .filter((name) => name !== "constructor" && !name.startsWith("_"))
    .map((name) => `${noun}.${name}`),
);

// The client, noting which of its methods are asked for.
const noted = (noun) =>
  new Proxy(client[noun], {
    get(target, name) {
      if (offered.includes(`${noun}.${name}`)) called.add(`${noun}.${name}`);
      const found = target[name];
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
const [assistants, threads, runs, crons, store] = nouns.map(noted);
const read = async (stream, isLast = () => false) => {
  const events = [];
  for await (const chunk of stream) {
    events.push(chunk.event);
    if (isLast(chunk)) break;
  }
  return events;
};
const mark = { mark: crypto.randomUUID() };
const seen = {};

// -- assistants
const { assistant_id: assistant } = await assistants.create({
  graphId: "nested",
  name: "of the JS SDK",
  metadata: mark,
});
const updated = await assistants.update(assistant, { graphId: "nested", description: "second" });
const versions = await assistants.getVersions(assistant);
const first = await assistants.setLatest(assistant, 1);
const graph = await assistants.getGraph(assistant, { xray: true });
const subgraphs = await assistants.getSubgraphs(assistant, { recurse: true });
const schemas = await assistants.getSchemas(assistant);
seen.assistants = {
  name: (await assistants.get(assistant)).name,
  found: (await assistants.search({ metadata: mark })).map((one) => one.assistant_id),
  count: await assistants.count({ metadata: mark }),
  versions: [updated.version, versions.map((one) => one.version), first.version],
  drawn: graph.nodes.length > 2 && graph.edges.length > 1,
  subgraphs: Object.keys(subgraphs).length,
  schemas: schemas.graph_id,
};
await assistants.delete(assistant);
seen.assistants.left = await assistants.count({ metadata: mark });

// -- threads
const { thread_id: thread } = await threads.create({ graphId: "static_steps", metadata: mark });
await threads.update(thread, { metadata: { color: "blue" } });
await threads.updateState(thread, { values: { visited: ["before"] }, asNode: "step_1" });
const copied = await threads.copy(thread);
seen.threads = {
  metadata: (await threads.get(thread)).metadata.color,
  found: (await threads.search({ metadata: mark })).length,
  count: await threads.count({ metadata: mark }),
  state: (await threads.getState(copied.thread_id)).values.visited,
  history: (await threads.getHistory(thread)).length,
};
await threads.delete(copied.thread_id);

// -- runs
const last = await runs.wait(thread, "static_steps", { input: {} });
const streamed = await read(runs.stream(thread, "static_steps", { input: {}, streamMode: "values" }));
const resumable = await runs.create(thread, "static_steps", { input: {}, streamResumable: true });
await runs.join(thread, resumable.run_id);
const replayed = await read(runs.joinStream(thread, resumable.run_id, { lastEventId: "-1" }));
const followed = await read(
  threads.joinStream(thread, { lastEventId: "-" }),
  (chunk) => chunk.data?.status === "run_done",
);
const { thread_id: busy } = await threads.create();
const slow = await runs.create(busy, "slow", { input: { seconds: 30 } });
await runs.cancel(busy, slow.run_id, true);
const cancelled = (await runs.get(busy, slow.run_id)).status;
await runs.delete(busy, slow.run_id);
const batch = await runs.createBatch([{ assistantId: "static_steps", input: {} }]);
seen.runs = {
  last: last.visited.slice(-1),
  streamed: [streamed[0], streamed.at(-1)],
  replayed: [replayed[0], replayed.at(-1)],
  followed: [followed[0], followed.at(-1)],
  listed: (await runs.list(thread)).length,
  cancelled,
  left: (await runs.list(busy)).length,
  batch: batch.length,
};

// -- crons
const yearly = { schedule: "0 0 1 1 *", input: {}, metadata: mark };
const alone = await crons.create("static_steps", yearly);
const onThread = await crons.createForThread(thread, "static_steps", yearly);
await crons.update(alone.cron_id, { schedule: "0 0 2 1 *" });
const listed = await crons.search({ threadId: thread });
seen.crons = {
  found: listed.map((one) => one.cron_id === onThread.cron_id),
  count: await crons.count({ threadId: thread }),
};
await crons.delete(alone.cron_id);
await crons.delete(onThread.cron_id);
seen.crons.left = await crons.count({ threadId: thread });

// -- store
const namespace = ["js", mark.mark];
await store.putItem(namespace, "key", { color: "blue" });
seen.store = {
  value: (await store.getItem(namespace, "key")).value,
  found: (await store.searchItems(namespace)).items.map((item) => item.key),
  namespaces: (await store.listNamespaces({ prefix: namespace })).namespaces,
};
await store.deleteItem(namespace, "key");
seen.store.left = await store.getItem(namespace, "key");
seen.store.namespaces = seen.store.namespaces.map((one) => one.length);

seen.missed = offered.filter((name) => !called.has(name));
console.log(JSON.stringify(seen));
process.exit(0); // the stream of a thread has no end
