"use strict";

const zapier = require("zapier-platform-core");
const { authentication, authorize, explain } = require("./authentication");
const event = require("./triggers/event");
const eventType = require("./triggers/event_type");
const message = require("./creates/message");

module.exports = {
  version: require("./package.json").version,
  platformVersion: zapier.version,
  authentication,
  beforeRequest: [authorize],
  afterResponse: [explain],
  triggers: { [event.key]: event, [eventType.key]: eventType },
  creates: { [message.key]: message },
};
