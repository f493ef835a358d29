"use strict";

const { api } = require("../authentication");

// A message with an event id that is there already is not sent again: the server says
// 409, and a Zap that is run again shows the message that there is.
module.exports = {
  key: "message",
  noun: "Message",
  display: { label: "Send Message", description: "Sends an event to everyone who has asked for it." },
  operation: {
    inputFields: [
      { key: "event", label: "Event type", required: true, dynamic: "event_type.id.name" },
      { key: "payload", label: "Payload", required: true, dict: true, helpText: "What happened, by name and value." },
      { key: "event_id", label: "Event id", required: false, helpText: "Sent once, however often the Zap runs with it." },
    ],
    perform: async (z, bundle) => {
      const { event, payload, event_id: eventId } = bundle.inputData;
      const response = await z.request({
        method: "POST",
        url: api(bundle, "/msg"),
        body: { eventType: event, payload, ...(eventId ? { eventId } : {}) },
        skipThrowForStatus: Boolean(eventId), // which 409 is about
      });
      if (response.status !== 409) return response.data;
      return (await z.request({ url: api(bundle, `/msg/${encodeURIComponent(eventId)}`) })).data;
    },
    sample: { id: "msg_2b3c", eventType: "record.create", timestamp: "2026-01-02T03:04:05Z" },
  },
};
