package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/inspect"
)

// operators own the bins of the inspector together: whoever is let into the console sees
// them all.
const operators = "console"

// sharePath is where a bin is shown to whoever has its link.
const sharePath = "/inspect/"

// inspectorPages are where operators look at what arrives in bins.
func inspectorPages() map[string]func(*visit) error {
	all := binPages("/inspector")
	all["GET /inspector/{bin}/request/{n}/example"] = newExample
	all["POST /inspector/{bin}/request/{n}/example"] = saveExample
	return all
}

// binPages are those of bins, at a path: the same for operators and for customers.
func binPages(at string) map[string]func(*visit) error {
	bin, one := at+"/{bin}", at+"/{bin}/request/{n}"
	return map[string]func(*visit) error{
		"GET " + at:                     listBins,
		"POST " + at:                    newBin,
		"GET " + bin:                    readBin,
		"GET " + bin + "/stream":        followBin,
		"GET " + bin + "/compare":       compareRequests,
		"GET " + bin + "/export":        exportBin,
		"POST " + bin + "/answer":       setAnswer,
		"POST " + bin + "/secret":       setSecret,
		"GET " + bin + "/confirm/{act}": confirmBin,
		"POST " + bin + "/do/{act}":     actOnBin,
		"GET " + one + "/raw":           rawRequest,
		"GET " + one + "/image":         imageOfRequest,
		"POST " + one + "/note":         noteRequest,
		"POST " + one + "/do/{act}":     actOnRequest,
		"GET " + one + "/send":          editRequest,
		"POST " + one + "/send":         sendEdited,
	}
}

// inspectorRoutes are the addresses of bins, and of links to them, by which one can look
// and change nothing.
func (h *Handler) inspectorRoutes() {
	h.shares = true
	h.mux.Handle(inspect.Path, h.bins)
	for path, serve := range map[string]func(*visit) error{
		"": readBin, "/stream": followBin, "/compare": compareRequests, "/export": exportBin, "/request/{n}/raw": rawRequest, "/request/{n}/image": imageOfRequest,
	} {
		h.mux.HandleFunc("GET "+sharePath+"{share}"+path, h.atConsoleDoor(serve))
	}
}

// A shelf is where the bins stand that a visitor may see.
type shelf struct {
	owner string
	at    string // the path of its pages, below v.base
	word  string // what bins are called there
	may   bool   // make bins, and change them
}

// shelf is the visitor's: the operators', or one of the application whose pages these
// are. Who may not see the secrets of endpoints, or only some channels, has another one
// than those who may: in a bin may be what an endpoint is sent.
func (v *visit) shelf() (*shelf, error) {
	if v.app == "" {
		return &shelf{operators, "/inspector", "Bin", true}, nil
	}
	if !v.inboxes {
		return nil, noPage(v)
	}
	id, channels := string(v.app), []string(nil)
	switch {
	case v.session != nil:
		channels = v.session.Channels
	case v.rights != nil:
		channels = v.rights.Channels
		fallthrough
	default: // the path may say the application's uid
		app, err := v.application()
		if err != nil {
			return nil, err
		}
		id = app.ID
	}
	sees := v.may(fanfare.ViewEndpointSecret)
	owner := fmt.Sprintf("%s %v %q", id, sees, sorted(channels))
	return &shelf{owner, "/inbox", "Test inbox", v.may(fanfare.CreateAttempts) || v.may(fanfare.ManageEndpoint)}, nil
}

// binWord is what a bin is called where the visitor is.
func (v *visit) binWord() string {
	if v.app == "" {
		return "bin"
	}
	return "test inbox"
}

// mayOnlyLook is said to who wants to change something.
var mayOnlyLook = &refusal{Status: http.StatusForbidden, Detail: "This link lets you look, but not change that. Ask whoever gave it to you for one that does."}

// mine is the shelf of a visitor who may change what stands there.
func (v *visit) mine() (*shelf, error) {
	s, err := v.shelf()
	if err == nil && !s.may {
		return nil, mayOnlyLook
	}
	return s, err
}

// A found bin is the one that a page is about.
type found struct {
	inspect.Bin
	at    string // what addresses of its pages begin with
	shelf *shelf // nil: the visitor has a link to it
}

// bin is the bin that the path names, by what it is called on the visitor's shelf or by a
// link that was shared.
func (v *visit) bin() (*found, error) {
	if share := v.r.PathValue("share"); share != "" {
		b, err := v.bins.Shared(share, now())
		return &found{Bin: b, at: v.base + sharePath + share}, v.notThere(err)
	}
	s, err := v.shelf()
	if err != nil {
		return nil, err
	}
	b, err := v.bins.Read(s.owner, v.r.PathValue("bin"), now())
	return &found{Bin: b, at: v.base + s.at + "/" + b.ID, shelf: s}, v.notThere(err)
}

// arrived is the request that the path names, and its bin.
func (v *visit) arrived() (*found, *inspect.Request, error) {
	b, err := v.bin()
	if err != nil {
		return nil, nil, err
	}
	n, err := strconv.Atoi(v.r.PathValue("n"))
	req := b.Find(n)
	if err != nil || req == nil {
		return nil, nil, &refusal{Status: http.StatusNotFound, Detail: "There is no such request, or no longer: newer ones push out those that are not pinned."}
	}
	return b, req, nil
}

type binsBody struct {
	Word  string
	All   string // of them, as their page is called
	At    string
	Rows  []binRow
	New   *act // nil: the visitor may make none
	Empty empty
}

type binRow struct {
	inspect.Bin
	URL    string
	At     when
	Answer string
}

func listBins(v *visit) error {
	s, err := v.shelf()
	if err != nil {
		return err
	}
	body := binsBody{Word: s.word, Empty: empty{"None yet", "It is an address that takes whatever is sent to it, shows it here at once, and answers as you say.", nil}}
	if s.may {
		body.New = v.act(s.at, "New "+strings.ToLower(s.word), "main")
	}
	for _, b := range v.bins.List(s.owner, v.now) {
		body.Rows = append(body.Rows, binRow{b, v.base + s.at + "/" + b.ID, v.when(b.CreatedAt), strconv.Itoa(b.Answer.Status)})
	}
	title := "Inspector"
	if body.All = "Bins"; v.app != "" {
		title, body.All = "Test inboxes", "Test inboxes"
	}
	return v.show("console/bins", title, body)
}

func newBin(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	return v.to(s.at+"/"+v.bins.Create(s.owner, v.now).ID, "")
}

// notThere is what somebody is told whose bin is gone.
func (v *visit) notThere(err error) error {
	if errors.Is(err, inspect.ErrNotFound) {
		return &refusal{Status: http.StatusNotFound, Detail: "There is no such " + v.binWord() + ", or no longer: one that is neither sent anything nor looked at for a day goes, and all do when the server stops."}
	}
	return err
}

type binBody struct {
	inspect.Bin
	Word     string
	At       string // what its addresses begin with
	Mine     bool   // it can be changed here
	Address  *copyable
	Curl     *copyable
	Share    *copyable // nil: it is not shared
	Acts     []*act
	Ask      []place // done after another question
	Sample   *act    // sends something; nil: the visitor may not
	Search   string
	Rows     []arrivalRow
	Shown    *arrivalBody // nil: none is
	Follows  bool         // the newest is shown, whichever it is
	Answer   []field
	Answers  string   // what it answers, in words
	Secrets  []string // profiles that there are secrets of
	Secret   []field
	Problem  string
	NoAnswer string // what is wrong with the form of the answer
	NoSecret string // and with that of the secret
	Receives string // what has come, in words
	Snippets []snippet
	Senders  []snippet // of something to this address
}

// An arrivalRow is a request in the list of a bin's.
type arrivalRow struct {
	inspect.Request
	URL     string
	Current bool
	When    when
	Verdict badge
}

func readBin(v *visit) error { return v.showBin(http.StatusOK, "") }

func (v *visit) showBin(status int, problem string) error {
	b, err := v.bin()
	if err != nil {
		return err
	}
	v.news = b.at + "/stream?seen=" + strconv.Itoa(b.Received)
	body := v.binBody(b)
	switch path.Base(v.r.URL.Path) {
	case "answer":
		body.NoAnswer = problem
	case "secret":
		body.NoSecret = problem
	default:
		body.Problem = problem
	}
	if s := b.shelf; s != nil && s.may {
		do := s.at + "/" + b.ID + "/do/"
		body.Mine = true
		if b.Share != "" {
			body.Share = &copyable{Text: v.site + sharePath + b.Share, Label: "the link"}
			body.Acts = append(body.Acts, v.act(do+"unshare", "Take the link back", ""))
		} else if v.shares {
			body.Acts = append(body.Acts, v.act(do+"share", "Share a link", ""))
		}
		body.Sample = v.act(do+"sample", "Send one now", "main")
		ask := b.at + "/confirm/"
		body.Ask = []place{{Text: "Empty it…", URL: ask + "empty"}, {Text: "Delete it…", URL: ask + "delete"}}
		for _, s := range b.Secrets {
			body.Secrets = append(body.Secrets, string(s.Profile))
		}
		body.Answer, body.Secret = v.answerFields(&b.Bin), v.secretFields()
	}
	return v.showAs(status, "console/bin", body.Word, body)
}

func (v *visit) binBody(b *found) *binBody {
	address := v.site + inspect.Path + b.Token
	body := &binBody{Bin: b.Bin, Word: "Bin", At: b.at, Address: &copyable{Text: address, Label: "the address"}, Search: v.asked("search"), Answers: answers(&b.Bin), Snippets: snippets(), Senders: senders(address),
		Curl: &copyable{Block: true, Label: "the command", Text: "curl -i '" + address + "' \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{\"hello\":\"world\"}'"}}
	if b.shelf != nil {
		body.Word = b.shelf.word
	}
	filter := inspect.ParseFilter(body.Search, v.now)
	chosen, _ := strconv.Atoi(v.asked("request")) // what is no number chooses none
	body.Follows = chosen == 0
	query := url.Values{}
	if body.Search != "" {
		query.Set("search", body.Search)
	}
	for i := range b.Requests {
		req := &b.Requests[i]
		matches := filter.Matches(req)
		if req.ID != chosen && !matches {
			continue
		}
		findings := b.Findings(req)
		if req.ID == chosen || chosen == 0 && body.Shown == nil {
			body.Shown = v.arrival(b, req, findings)
		}
		if !matches {
			continue
		}
		query.Set("request", strconv.Itoa(req.ID))
		body.Rows = append(body.Rows, arrivalRow{
			Request: *req, URL: b.at + "?" + query.Encode(), Current: req.ID == chosen, When: v.when(req.At), Verdict: verdictBadge(findings[0].State),
		})
	}
	body.Receives = fmt.Sprintf("%s came; the newest %d are here, of at most %d, and those that are pinned.", count(b.Received, "request", "requests"), len(b.Requests), inspect.MaxRequests)
	return body
}

// answers says what a bin answers.
func answers(b *inspect.Bin) string {
	say := func(a *inspect.Answer) string {
		text := strconv.Itoa(a.Status)
		if a.Delay > 0 {
			text += ", after " + a.Delay.String()
		}
		for _, line := range a.Headers {
			text += ", " + line[0] + ": " + cut(line[1], 60)
		}
		return text
	}
	if b.Next == nil {
		return say(&b.Answer)
	}
	return fmt.Sprintf("%s to the next %s, then %s", say(b.Next), count(b.Next.Times, "request", "requests"), say(&b.Answer))
}

func verdictBadge(state string) badge {
	switch state {
	case "valid":
		return badge{"ok", "Signature good"}
	case "invalid":
		return badge{"bad", "Signature wrong"}
	case "unchecked":
		return badge{"wait", "Signed, not checked"}
	}
	return badge{"idle", "Not signed"}
}
