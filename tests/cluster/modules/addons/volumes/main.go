// Volumes of real nodes: a directory on the disk of one node, where the pod is to run, or one that all nodes have.
//
// kube-controller-manager's own host-path volumes bind a pod to no node, so a pod that comes back elsewhere would find an empty
// directory. Here the volume names its node.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const (
	// The provisioner that a StorageClass names.
	name = "cluster.berth.dev/directory"
	// The parameter of a StorageClass whose volumes all nodes have.
	shared = "shared"
	// Where a node sees its own volumes, and those that all nodes have.
	nodeDirectory   = "/var/lib/berth/volumes"
	sharedDirectory = "/var/lib/berth/shared"
)

// directories makes and removes the directories. Its root is the directory of the cluster: the host sees the disk of a node in
// nodes/NAME/lib, which is /var/lib of that node, and the shared disk in shared.
type directories struct {
	root string
}

func (d directories) path(node, volume string) string {
	if node == "" {
		return filepath.Join(d.root, "shared", volume)
	}
	return filepath.Join(d.root, "nodes", node, "lib", "berth", "volumes", volume)
}

func (d directories) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	node := options.SelectedNodeName
	source := v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: filepath.Join(nodeDirectory, options.PVName)}}
	var affinity *v1.VolumeNodeAffinity
	if options.StorageClass.Parameters[shared] == "true" {
		node = ""
		source = v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: filepath.Join(sharedDirectory, options.PVName)}}
	} else {
		if node == "" {
			return nil, controller.ProvisioningFinished, fmt.Errorf("no node is chosen: the StorageClass %s must have volumeBindingMode WaitForFirstConsumer", options.StorageClass.Name)
		}
		affinity = &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
			MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{node}}},
		}}}}
	}
	if err := os.MkdirAll(d.path(node, options.PVName), 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// Whatever user a container runs as may write, whatever our umask.
	if err := os.Chmod(d.path(node, options.PVName), 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource:        source,
			NodeAffinity:                  affinity,
		},
	}, controller.ProvisioningFinished, nil
}

func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	node := ""
	if volume.Spec.NodeAffinity != nil {
		node = volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]
	}
	return os.RemoveAll(d.path(node, volume.Name))
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of an admin")
	root := flag.String("root", "", "directory of the cluster")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config.QPS, config.Burst = 100, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	controller.NewProvisionController(ctx, client, name, directories{*root}, controller.LeaderElection(false)).Run(ctx)
}
