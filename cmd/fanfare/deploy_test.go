package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"
)

const deployDir = "../../deploy"

func readDeploy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mustServeWith wants every flag in some text to be one of serve's.
func mustServeWith(t *testing.T, args ...string) {
	t.Helper()
	flags := serveCommand(&env{getenv: func(string) string { return "" }}).Flags()
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !strings.HasPrefix(arg, "--") {
			continue
		}
		f := flags.Lookup(name)
		if f == nil {
			t.Errorf("serve has no flag %s", arg)
		} else if value != "" && f.Value.Set(value) != nil {
			t.Errorf("serve does not take %s", arg)
		}
	}
}

// mustKnow wants every variable of ours to be one that serve reads.
func mustKnow(t *testing.T, variables ...string) {
	t.Helper()
	known := map[string]bool{"FANFARE_ADMIN_KEY": true, secretsKeyVariable: true}
	for _, variable := range variables {
		if strings.HasPrefix(variable, "FANFARE_") && !known[variable] {
			mustServeWith(t, "--"+strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, "FANFARE_"), "_", "-")))
		}
	}
}

// drainMost is how long a server may take to end after SIGTERM.
const drainMost = drainWait + shutdownGrace + drainTime

func TestTheUnitStartsTheServer(t *testing.T) {
	settings := make(map[string]string)
	section := ""
	for line := range strings.Lines(readDeploy(t, "fanfare.service")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = line
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			t.Errorf("%q is not a setting of a section", line)
		}
		settings[section+name] = value
	}
	args := strings.Fields(settings["[Service]ExecStart"])
	if len(args) < 2 || args[1] != "serve" {
		t.Fatalf("it starts %q", args)
	}
	mustServeWith(t, args[2:]...)
	if stop, err := time.ParseDuration(settings["[Service]TimeoutStopSec"] + "s"); err != nil || stop <= drainMost {
		t.Errorf("it is killed after %v (%v), and may take %v to end", stop, err, drainMost)
	}
}

func TestTheImageServes(t *testing.T) {
	text := readDeploy(t, "Dockerfile")
	var names []string
	for _, match := range regexp.MustCompile(`(FANFARE_[A-Z_]+)=`).FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	if len(names) < 3 {
		t.Errorf("it sets %q", names)
	}
	mustKnow(t, names...)
	for _, want := range []string{"CGO_ENABLED=0", "FROM scratch", "USER 65532:65532", `ENTRYPOINT ["/fanfare"]`, `CMD ["serve"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %s", want)
		}
	}
}

func TestTheComposeFileHasTwoNodes(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
			StopGrace   string `yaml:"stop_grace_period"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(readDeploy(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(file.Services)); !slices.Equal(names, []string{"db", "node-1", "node-2"}) {
		t.Fatalf("its services are %q", names)
	}
	for _, name := range []string{"node-1", "node-2"} {
		node := file.Services[name]
		mustKnow(t, slices.Collect(maps.Keys(node.Environment))...)
		for _, needed := range []string{"FANFARE_DATABASE", "FANFARE_SECRETS_KEY", "FANFARE_ADMIN_KEY"} {
			if node.Environment[needed] == "" {
				t.Errorf("%s has no %s", name, needed)
			}
		}
		if grace, err := time.ParseDuration(node.StopGrace); err != nil || grace <= drainMost {
			t.Errorf("%s is killed after %q, and may take %v to end", name, node.StopGrace, drainMost)
		}
	}
}

// chart renders the templates of the chart as Helm does, with some values changed, and
// returns the objects by kind.
func chart(t *testing.T, change func(values map[string]any)) (map[string]map[string]any, error) {
	t.Helper()
	values := make(map[string]any)
	if err := yaml.Unmarshal([]byte(readDeploy(t, "helm/fanfare/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	change(values)
	all := template.New("").Option("missingkey=zero")
	all.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var b strings.Builder
			err := all.ExecuteTemplate(&b, name, data)
			return strings.TrimSpace(b.String()), err
		},
		"toYaml": func(v any) (string, error) {
			text, err := yaml.Marshal(v)
			return strings.TrimSpace(string(text)), err
		},
		"nindent": func(n int, text string) string {
			indent := "\n" + strings.Repeat(" ", n)
			return indent + strings.ReplaceAll(text, "\n", indent)
		},
		"quote":   func(v any) string { return fmt.Sprintf("%q", fmt.Sprint(v)) },
		"default": func(def, v string) string { return map[bool]string{true: def, false: v}[v == ""] },
		"required": func(why string, v any) (any, error) {
			if v == "" || v == nil {
				return nil, errors.New(why)
			}
			return v, nil
		},
	})
	if _, err := all.ParseGlob(filepath.Join(deployDir, "helm/fanfare/templates/*")); err != nil {
		t.Fatal(err)
	}
	data := map[string]any{"Values": values, "Chart": map[string]any{"Name": "fanfare"}, "Release": map[string]any{"Name": "prod"}}
	objects := make(map[string]map[string]any)
	for _, one := range all.Templates() {
		if !strings.HasSuffix(one.Name(), ".yaml") {
			continue
		}
		var b bytes.Buffer
		if err := one.Execute(&b, data); err != nil {
			return nil, err
		}
		decoder := yaml.NewDecoder(&b)
		for {
			var object map[string]any
			err := decoder.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", one.Name(), err)
			}
			if object != nil {
				objects[object["kind"].(string)] = object
			}
		}
	}
	return objects, nil
}

func TestTheChartMakesASecretANodeCanStartWith(t *testing.T) {
	var meta struct{ APIVersion, Name, Version string }
	if err := yaml.Unmarshal([]byte(readDeploy(t, "helm/fanfare/Chart.yaml")), &meta); err != nil || meta.Name != "fanfare" || meta.Version == "" {
		t.Errorf("the chart is %+v (%v)", meta, err)
	}
	secrets := map[string]any{"database": "postgres://db/fanfare", "adminKey": "1234567890123456", "secretsKey": "k"}
	objects, err := chart(t, func(values map[string]any) { values["secret"] = secrets })
	if err != nil {
		t.Fatal(err)
	}
	if kinds := slices.Sorted(maps.Keys(objects)); !slices.Equal(kinds, []string{"Deployment", "PodDisruptionBudget", "Secret", "Service"}) {
		t.Fatalf("it makes %q", kinds)
	}
	var deployment struct {
		Spec struct {
			Template struct {
				Spec struct {
					Grace      int `yaml:"terminationGracePeriodSeconds"`
					Containers []struct {
						Args []string
						Env  []struct {
							Name      string
							ValueFrom struct {
								SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
							} `yaml:"valueFrom"`
						}
					}
				}
			}
		}
	}
	text, err := yaml.Marshal(objects["Deployment"])
	if err == nil {
		err = yaml.Unmarshal(text, &deployment)
	}
	if err != nil {
		t.Fatal(err)
	}
	pod := deployment.Spec.Template.Spec
	if time.Duration(pod.Grace)*time.Second <= drainMost {
		t.Errorf("it is killed after %d s, and may take %v to end", pod.Grace, drainMost)
	}
	node := pod.Containers[0]
	if node.Args[0] != "serve" || len(node.Args) < 5 {
		t.Errorf("it runs with %q", node.Args)
	}
	mustServeWith(t, node.Args[1:]...)
	made := objects["Secret"]["stringData"].(map[string]any)
	for _, v := range node.Env {
		mustKnow(t, v.Name)
		if ref := v.ValueFrom.SecretKeyRef; ref.Name != "prod-fanfare" || made[ref.Key] == nil {
			t.Errorf("%s comes from %+v, and the secret made has %v", v.Name, ref, made)
		}
	}
	if len(node.Env) != 3 {
		t.Errorf("it has %d variables", len(node.Env))
	}
}

func TestTheChartSaysWhatItNeeds(t *testing.T) {
	if _, err := chart(t, func(map[string]any) {}); err == nil || !strings.Contains(err.Error(), "secret.database is needed") {
		t.Errorf("without a database the error is %v", err)
	}
	objects, err := chart(t, func(values map[string]any) { values["existingSecret"] = "mine" })
	if err != nil {
		t.Fatal(err)
	}
	if objects["Secret"] != nil {
		t.Error("it makes a secret though there is one")
	}
	text, err := yaml.Marshal(objects["Deployment"])
	if err != nil || strings.Count(string(text), "name: mine") != 3 {
		t.Errorf("the nodes do not take it (%v)", err)
	}
}
