// Says what other tools make of objects: kstatus (which Helm and Flux ask), and Argo CD, whose health scripts run on this interpreter
// of Lua. Objects come as a JSON array on standard input, verdicts go as one to standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type verdict struct {
	Kstatus        string `json:"kstatus"`
	KstatusMessage string `json:"kstatusMessage"`
	Argocd         string `json:"argocd"`
	ArgocdMessage  string `json:"argocdMessage"`
}

func main() {
	if err := judge(); err != nil {
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
}

func judge() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("the health script of Argo CD is needed")
	}
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var objects []map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return err
	}
	verdicts := make([]verdict, 0, len(objects))
	for _, object := range objects {
		result, err := status.Compute(&unstructured.Unstructured{Object: whole(object).(map[string]any)})
		if err != nil {
			return fmt.Errorf("kstatus: %w", err)
		}
		health, message, err := argocd(string(script), object)
		if err != nil {
			return fmt.Errorf("Argo CD: %w", err)
		}
		verdicts = append(verdicts, verdict{result.Status.String(), result.Message, health, message})
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

// Whole numbers are int64 in what the API machinery reads.
func whole(value any) any {
	switch value := value.(type) {
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	case map[string]any:
		for key, below := range value {
			value[key] = whole(below)
		}
	case []any:
		for index, below := range value {
			value[index] = whole(below)
		}
	}
	return value
}

// As Argo CD does it (util/lua/lua.go): the object is the global `obj`, the only libraries are those of tables, strings and the
// basics, and the script returns a table.
func argocd(script string, object map[string]any) (string, string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.StringLibName, lua.OpenString},
	} {
		call := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return "", "", err
		}
	}
	state.SetGlobal("obj", table(state, object))
	if err := state.DoString(script); err != nil {
		return "", "", err
	}
	returned, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the script returns no table")
	}
	return returned.RawGetString("status").String(), returned.RawGetString("message").String(), nil
}

func table(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case string:
		return lua.LString(value)
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case map[string]any:
		below := state.CreateTable(0, len(value))
		for key, one := range value {
			below.RawSetString(key, table(state, one))
		}
		return below
	case []any:
		below := state.CreateTable(len(value), 0)
		for _, one := range value {
			below.Append(table(state, one))
		}
		return below
	default:
		return lua.LNil
	}
}
