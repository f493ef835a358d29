"use strict";

// The names for the list that an event type is chosen from. Nobody sees it as a trigger.
module.exports = {
  key: "event_type",
  noun: "Event Type",
  display: { label: "List of Event Types", description: "Lists what there is to choose from.", hidden: true },
  operation: {
    type: "polling",
    perform: async (z, bundle) => {
      const server = bundle.authData.url.replace(/\/+$/, "");
      const response = await z.request({ url: `${server}/api/v1/event-type`, params: { limit: 250 } });
      return response.data.data.map(({ name }) => ({ id: name, name }));
    },
    sample: { id: "record.create", name: "record.create" },
  },
};
