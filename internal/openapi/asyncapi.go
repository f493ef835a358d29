package openapi

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// messages reads the messages of an AsyncAPI document: those of its channels, whichever
// way they go, or if there are none, those of its components.
func (r *reader) messages(version string, all map[string]Webhook) error {
	r.dialect = draft07
	if !strings.HasPrefix(version, "2.") && !strings.HasPrefix(version, "3.") {
		return refuse(nil, `is an AsyncAPI document of version %q; give one of version 2 or 3`, cut(version, 16))
	}
	channel := r.channel3
	if strings.HasPrefix(version, "2.") {
		channel = r.channel2
	}
	channels, err := r.named(r.root["channels"], []string{"channels"})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		path := []string{"channels", name}
		at, err := r.object(channels[name], path)
		if err != nil {
			return err
		}
		if err := channel(name, at, path, all); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		return nil
	}
	components, err := r.named(r.root["components"], []string{"components"})
	if err != nil {
		return err
	}
	if err := r.each(components["messages"], []string{"components", "messages"}, nil, all); err != nil {
		return err
	}
	if len(all) == 0 {
		return refuse(nil, "has no messages; describe them with their channels, or under components > messages")
	}
	return nil
}

// named is an object of things by name; none if it is not there.
func (r *reader) named(value any, path []string) (map[string]any, error) {
	if value == nil {
		return nil, nil
	}
	return r.object(value, path)
}

// channel2 reads the messages of a channel of version 2, which belong to what can be done
// there.
func (r *reader) channel2(name string, at map[string]any, path []string, all map[string]Webhook) error {
	for _, way := range []string{"subscribe", "publish"} {
		path := append(slices.Clip(path), way)
		op, err := r.named(at[way], path)
		if err != nil {
			return err
		}
		if op["message"] == nil {
			continue
		}
		around := []map[string]any{op, at}
		path = append(path, "message")
		one, err := r.object(op["message"], path)
		if err != nil {
			return err
		}
		several, ok := one["oneOf"].([]any)
		if !ok {
			if err := r.message(nameOf(op["message"], name), op["message"], path, around, all); err != nil {
				return err
			}
		}
		for i, value := range several {
			if err := r.message(nameOf(value, name), value, append(slices.Clip(path), "oneOf", strconv.Itoa(i)), around, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameOf is what a message is called by the reference that leads to it, or else by its
// channel.
func nameOf(value any, channel string) string {
	o, _ := value.(map[string]any)
	if ref, ok := o["$ref"].(string); ok {
		parts := tokens(ref)
		return parts[len(parts)-1]
	}
	return channel
}

// channel3 reads the messages of a channel of version 3, which it has by name.
func (r *reader) channel3(_ string, at map[string]any, path []string, all map[string]Webhook) error {
	return r.each(at["messages"], append(slices.Clip(path), "messages"), []map[string]any{at}, all)
}

// each reads messages that an object has by name.
func (r *reader) each(value any, path []string, around []map[string]any, all map[string]Webhook) error {
	list, err := r.named(value, path)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if err := r.message(name, list[name], append(slices.Clip(path), name), around, all); err != nil {
			return err
		}
	}
	return nil
}

// message reads one. What it does not say of itself, what it stands in may.
func (r *reader) message(name string, value any, path []string, around []map[string]any, all map[string]Webhook) error {
	if r.read++; r.read > maxWebhooks {
		return refuse(path, "is one of more than %d messages, with those that are there several times", maxWebhooks)
	}
	msg, err := r.object(value, path)
	if err != nil {
		return err
	}
	if msg, err = r.withTraits(msg, path); err != nil {
		return err
	}
	hook := Webhook{Name: name}
	for _, word := range []string{"messageId", "name"} { // the latter is for machines
		if own, _ := msg[word].(string); own != "" {
			hook.Name = own
		}
	}
	title := map[string]any{"summary": msg["title"]}
	hook.Description = description(append([]map[string]any{msg, title}, around...)...)
	hook.Deprecated, _ = msg["deprecated"].(bool)
	if hook.Group, err = r.group(append([]map[string]any{msg}, around...), path); err != nil {
		return err
	}
	if err := r.payload(&hook, msg, path); err != nil {
		return err
	}
	if first, twice := all[hook.Name]; twice {
		same := hook // what it stands in may say otherwise each time: the first counts
		same.Description, same.Group = first.Description, first.Group
		if !reflect.DeepEqual(first, same) {
			return refuse(path, "is called %q, and so is another message; give each a name of its own", cut(hook.Name, 64))
		}
		return nil
	}
	all[hook.Name] = hook
	return nil
}

// withTraits is a message with what its traits say: of version 3 what it does not say
// itself, of version 2 also what it does.
func (r *reader) withTraits(msg map[string]any, path []string) (map[string]any, error) {
	traits, _ := msg["traits"].([]any)
	if len(traits) == 0 {
		return msg, nil
	}
	version, _ := r.root["asyncapi"].(string)
	out := map[string]any{}
	before := strings.HasPrefix(version, "2.")
	if before {
		maps.Copy(out, msg)
	}
	for i, value := range traits {
		trait, err := r.object(value, append(slices.Clip(path), "traits", strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		if r.left -= 64 * (1 + len(trait)); r.left < 0 {
			return nil, tooMuch(path)
		}
		maps.Copy(out, trait)
	}
	if !before {
		maps.Copy(out, msg)
	}
	return out, nil
}

// group is the name of the first tag of the first that has tags; "" if none has.
func (r *reader) group(of []map[string]any, path []string) (string, error) {
	for _, o := range of {
		tags, _ := o["tags"].([]any)
		if len(tags) == 0 {
			continue
		}
		tag, err := r.object(tags[0], append(slices.Clip(path), "tags", "0"))
		name, _ := tag["name"].(string)
		return name, err
	}
	return "", nil
}

// payload reads what is said of the payload of a message, if that is JSON.
func (r *reader) payload(hook *Webhook, msg map[string]any, path []string) error {
	media, _ := r.root["defaultContentType"].(string)
	if own, ok := msg["contentType"].(string); ok {
		media = own
	}
	if media != "" && preference(media) > maxPreference {
		return nil
	}
	examples, _ := msg["examples"].([]any)
	for i, value := range examples {
		if len(hook.Examples) == maxExamples {
			break
		}
		one, err := r.object(value, append(slices.Clip(path), "examples", strconv.Itoa(i)))
		if err != nil {
			return err
		}
		v, ok := one["payload"]
		if !ok {
			continue
		}
		text, err := r.write(v, path)
		if err != nil {
			return err
		}
		hook.Examples = append(hook.Examples, text)
	}
	if msg["payload"] == nil {
		return nil
	}
	var err error
	hook.Schema, err = r.payloadSchema(msg["payload"], msg["schemaFormat"], append(slices.Clip(path), "payload"))
	return err
}

// payloadSchema reads a schema that may say in which format it is: of version 2 the
// message says so, of version 3 an object around it.
func (r *reader) payloadSchema(value, format any, path []string) (json.RawMessage, error) {
	if o, ok := value.(map[string]any); ok {
		o, err := r.object(o, path)
		if err != nil {
			return nil, err
		}
		if inner, ok := o["schema"]; ok {
			value, format, path = inner, o["schemaFormat"], append(path, "schema")
		}
	}
	name, _ := format.(string)
	var known bool
	if r.dialect, known = formatOf(name); !known {
		return nil, refuse(path, "is a schema of the format %q, which is not read; give a JSON Schema", cut(name, 64))
	}
	return r.schema(value, path)
}

// formatOf is the dialect of a schemaFormat.
func formatOf(format string) (d dialect, known bool) {
	media, version, _ := strings.Cut(strings.ToLower(format), ";")
	media = strings.TrimSpace(media)
	if base, ok := strings.CutSuffix(media, "+json"); ok {
		media = base
	} else {
		media = strings.TrimSuffix(media, "+yaml")
	}
	switch {
	case media == "" || media == "application/vnd.aai.asyncapi":
		return draft07, true
	case media == "application/vnd.oai.openapi" && strings.Contains(version, "3.1"):
		return draft2020, true
	case media == "application/vnd.oai.openapi":
		return openapi30, true
	case media == "application/schema" && (strings.Contains(version, "2020-12") || strings.Contains(version, "2019-09")):
		return draft2020, true
	case media == "application/schema" && !strings.Contains(version, "draft-04"):
		return draft07, true
	}
	return draft07, false
}
