package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed asset component page
var files embed.FS

// assetPath is where files are that pages load.
const assetPath = "/assets/"

// An asset is a file that pages load. Its name has a hash of what is in it, so that
// browsers keep it for good.
type asset struct {
	kind   string
	plain  []byte
	zipped []byte
	tag    string
}

type assets struct {
	byName map[string]*asset
	named  map[string]string // the name in the folder to that with a hash
}

// newAssets reads the folder asset; theme is the stylesheet of the provider's colours.
func newAssets(theme []byte) (*assets, error) {
	s := &assets{byName: map[string]*asset{}, named: map[string]string{}}
	entries, err := fs.ReadDir(files, "asset")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := files.ReadFile("asset/" + e.Name())
		if err != nil {
			return nil, err
		}
		s.add(e.Name(), text)
	}
	s.add("theme.css", theme)
	return s, nil
}

func (s *assets) add(name string, text []byte) {
	sum := sha256.Sum256(text)
	hash := hex.EncodeToString(sum[:8])
	a := &asset{kind: kinds[path.Ext(name)], plain: text, tag: `"` + hash + `"`}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	z.Write(text)                                         // to memory, which does not fail
	z.Close()
	a.zipped = b.Bytes()
	hashed := strings.TrimSuffix(name, path.Ext(name)) + "." + hash + path.Ext(name)
	s.byName[hashed], s.named[name] = a, hashed
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// asset is the address of a file of the folder asset.
func (h *Handler) asset(name string) string { return h.root + assetPath + h.assets.named[name] }

func (s *assets) serve(w http.ResponseWriter, r *http.Request) {
	a, ok := s.byName[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", a.tag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.kind)
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// templates are the pages that were shown. Each has a copy of all components, some 250 KB,
// so one that nobody looks at is not read. They are the same for all handlers.
var templates struct {
	mu     sync.Mutex
	common *template.Template // nil: not read yet
	pages  map[string]*template.Template
}

// pageTemplate is the layout and all components, and a page's own template "content".
func pageTemplate(name string) (_ *template.Template, err error) {
	all := &templates
	all.mu.Lock()
	defer all.mu.Unlock()
	if t := all.pages[name]; t != nil {
		return t, nil
	}
	if all.common == nil {
		common, err := template.New("").Funcs(funcs).ParseFS(files, "component/*/*.html")
		if err != nil {
			return nil, err
		}
		all.common, all.pages = common, map[string]*template.Template{}
	}
	t, err := all.common.Clone()
	if err == nil {
		t, err = t.ParseFS(files, "page/"+name+".html")
	}
	if err != nil {
		return nil, fmt.Errorf("page %q: %w", name, err)
	}
	all.pages[name] = t
	return t, nil
}
