// A page of somebody else's: a chat made with React and `useStream`, that asks and goes on.
import { useState } from "react";
import { createRoot } from "react-dom/client";
import { useStream } from "@langchain/langgraph-sdk/react";

const asked = new URLSearchParams(location.search);

function Chat() {
  const [threadId, setThreadId] = useState(asked.get("thread"));
  const [draft, setDraft] = useState("");
  const chat = useStream({
    apiUrl: asked.get("api"),
    apiKey: asked.get("key"),
    assistantId: "chat",
    threadId,
    fetchStateHistory: true,
    onThreadId(id) {
      setThreadId(id);
      asked.set("thread", id);
      history.replaceState(null, "", `?${asked}`);
    },
  });
  const send = (event) => {
    event.preventDefault();
    chat.submit({ messages: [{ type: "human", content: draft }] });
  };
  const answer = (resume) => chat.submit(undefined, { command: { resume } });

  return (
    <main>
      <ol>
        {chat.messages.map((message) => (
          <li key={message.id} data-type={message.type}>
            {message.content}
          </li>
        ))}
      </ol>
      {chat.error != null && <p role="alert">{String(chat.error)}</p>}
      {chat.interrupt && (
        <section>
          <p>{chat.interrupt.value.question}</p>
          <button onClick={() => answer("approved")}>Approve</button>
        </section>
      )}
      <form onSubmit={send}>
        <input aria-label="Message" value={draft} onChange={(e) => setDraft(e.target.value)} />
        <button disabled={chat.isLoading}>Send</button>
      </form>
    </main>
  );
}

createRoot(document.querySelector("#root")).render(<Chat />);
