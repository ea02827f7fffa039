// The flow LangGraph documents for its JS SDK; prints what it saw as one line of JSON.
import { Client } from "@langchain/langgraph-sdk";

const client = new Client({ apiUrl: process.env.URL, apiKey: process.env.API_KEY });
const graph = "human_in_the_loop";

const { thread_id: thread } = await client.threads.create();
const asked = await client.runs.wait(thread, graph, { input: { some_text: "original text" } });
const state = await client.threads.getState(thread);
const waiting = await client.threads.get(thread);
const resumed = await client.runs.wait(thread, graph, { command: { resume: "Edited text" } });

const { thread_id: other } = await client.threads.create();
const streamed = [];
const stream = client.runs.stream(other, graph, {
  input: { some_text: "original text" },
  streamMode: "updates",
});
for await (const chunk of stream) streamed.push(chunk);
const answer = { command: { resume: "Edited text" }, streamMode: "values" };
for await (const chunk of client.runs.stream(other, graph, answer)) streamed.push(chunk);

const { thread_id: stopped } = await client.threads.create();
const paused = await client.runs.wait(stopped, "static_steps", {
  input: {},
  interruptBefore: ["step_2"],
});
const ended = await client.runs.wait(stopped, "static_steps", { input: null });

let refused;
try {
  await client.runs.create(thread, graph, { command: { resume: "again" } });
} catch (error) {
  refused = error.status;
}
const seen = { asked, state, waiting, resumed, streamed, paused, ended, refused };
console.log(JSON.stringify(seen));
