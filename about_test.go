package fanfare

import "testing"

func TestEveryWordIsExplained(t *testing.T) {
	for words, about := range map[*[]string]func(string) string{&Formats: AboutFormat, &SuccessPresets: AboutSuccess, &RetryPresets: AboutRetry} {
		for _, word := range *words {
			if about(word) == "" {
				t.Errorf("%s is not explained", word)
			}
		}
		if about("other") != "" {
			t.Error("a word that does not exist is explained")
		}
	}
	for name, want := range map[string]string{
		"standard": "10 attempts over 3 days, the second after 5 seconds", "stripe-2017": "73 attempts over 3 days, the second after 1 hour",
		"wufoo": "4 attempts over 30 minutes, the second after 5 minutes", "none": "1 attempt",
	} {
		if got := AboutRetry(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
