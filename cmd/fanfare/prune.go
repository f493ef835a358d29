package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/fanfarehq/fanfare/internal/manifest"
)

// planPrune plans to delete what the files do not have: endpoints of the
// applications that they do have, and sources, applications and event types where the
// files have a list of those at all.
func (p *planner) planPrune(ctx context.Context, m *manifest.Manifest) error {
	listed := make(map[string]bool)
	for _, item := range m.Endpoints {
		listed[item.App+"/"+item.Name] = true
	}
	for _, app := range m.Applications {
		at, there := p.at[app.Name]
		if !there {
			continue
		}
		err := p.endpoints(ctx, at, func(ep thing) error {
			if !listed[app.Name+"/"+nameOf(ep)] {
				p.drop(manifest.Endpoint, app.Name, nameOf(ep), at+route("endpoint", ep.text("id")), ep)
			}
			return nil
		})
		if err == nil {
			err = p.pruneSources(ctx, at, app.Name, m)
		}
		if err != nil {
			return err
		}
	}
	if m.HasApplications {
		if err := p.pruneList(ctx, manifest.Application, "/app", m.Applications); err != nil {
			return err
		}
	}
	if !m.HasEventTypes {
		return nil
	}
	return p.pruneList(ctx, manifest.EventType, "/event-type", m.EventTypes)
}

// pruneSources plans to delete the sources of an application that the files do not have,
// if they have any of it.
func (p *planner) pruneSources(ctx context.Context, at, app string, m *manifest.Manifest) error {
	listed := make(map[string]bool)
	for _, item := range m.Sources {
		if item.App == app {
			listed[item.Name] = true
		}
	}
	if len(listed) == 0 {
		return nil
	}
	return p.things(ctx, at+"/source", nil, func(t thing) error {
		if name := nameOf(t); !listed[name] {
			p.drop(manifest.Source, app, name, at+route("source", t.text("id")), t)
		}
		return nil
	})
}

func (p *planner) pruneList(ctx context.Context, k manifest.Kind, path string, items []*manifest.Item) error {
	listed := make(map[string]bool)
	for _, item := range items {
		listed[item.Name] = true
	}
	return p.things(ctx, path, nil, func(t thing) error {
		if name := nameOf(t); !listed[name] {
			ref := t.text("id")
			if k == manifest.EventType {
				ref = name
			}
			p.drop(k, "", name, path+route(ref), t)
		}
		return nil
	})
}

func (p *planner) drop(k manifest.Kind, app, name, path string, t thing) {
	p.changes = append(p.changes, &change{Action: "delete", Kind: k.String(), App: app, Name: name, path: path, seen: t.text("updatedAt")})
}

// nameOf is what files call a thing: the name of an event type, else the uid, or
// what stands for it.
func nameOf(t thing) string {
	if uid := t.text("uid"); uid != "" {
		return uid
	}
	if _, ok := t["uid"]; ok {
		return uidOfID(t.text("id"))
	}
	return t.text("name")
}

// maxThings bounds a list that is read whole.
const maxThings = 1_000_000

// things reads a list whole.
func (r *request) things(ctx context.Context, path string, query url.Values, each func(thing) error) error {
	return r.list(ctx, path, query, maxThings, func(text json.RawMessage) error {
		var t thing
		if err := json.Unmarshal(text, &t); err != nil {
			return fmt.Errorf("%s does not answer as a Fanfare server does: %w", r.base, err)
		}
		return each(t)
	})
}

// endpoints reads an application's endpoints, but for those that programs have
// subscribed as REST hooks: they come and go without any file.
func (r *request) endpoints(ctx context.Context, app string, each func(thing) error) error {
	hooks := make(map[string]bool)
	err := r.things(ctx, app+"/hooks", nil, func(t thing) error {
		hooks[t.text("id")] = true
		return nil
	})
	if err != nil {
		return err
	}
	return r.things(ctx, app+"/endpoint", nil, func(t thing) error {
		if hooks[t.text("id")] {
			return nil
		}
		return each(t)
	})
}
