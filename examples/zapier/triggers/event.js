"use strict";

const { api } = require("../authentication");

// Turned on, a Zap subscribes to one event type; the answer's id is kept by Zapier as
// subscribeData, and is what it unsubscribes by. A target that answers 410 is
// unsubscribed by the server itself.
module.exports = {
  key: "event",
  noun: "Event",
  display: { label: "New Event", description: "Triggers when an event of the type you choose happens." },
  operation: {
    type: "hook",
    inputFields: [
      { key: "event", label: "Event type", required: true, dynamic: "event_type.id.name", helpText: "Such as `record.create`." },
    ],
    performSubscribe: async (z, bundle) => {
      const response = await z.request({
        method: "POST",
        url: api(bundle, "/hooks"),
        body: { target_url: bundle.targetUrl, event: bundle.inputData.event },
      });
      return response.data;
    },
    performUnsubscribe: async (z, bundle) => {
      const response = await z.request({
        method: "DELETE",
        url: api(bundle, `/hooks/${encodeURIComponent(bundle.subscribeData.id)}`),
      });
      return response.data;
    },
    performList: async (z, bundle) => {
      const response = await z.request({ url: api(bundle, "/hooks/sample"), params: { event: bundle.inputData.event } });
      return response.data;
    },
    perform: (z, bundle) => (Array.isArray(bundle.cleanedRequest) ? bundle.cleanedRequest : [bundle.cleanedRequest]),
    sample: { id: "1", type: "record.create", data: { name: "Yogi" } },
  },
};
