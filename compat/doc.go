// Package compat tries what other people wrote against the real server: the
// official client libraries of the API that Fanfare speaks, the libraries that
// sign and verify Standard Webhooks and the webhooks of GitHub, Shopify, Slack,
// Stripe and Twilio, and the example payloads of GitHub. All of it is tests, and what
// starts the server for them. It is a module of its own, so that nothing here is a
// dependency of the product; the JavaScript is installed with "npm ci".
package compat
