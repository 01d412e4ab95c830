using System.Runtime.CompilerServices;

// Tokens are renewed after minutes of a pod's life: only inside can a test turn the clock.
[assembly: InternalsVisibleTo("ModuleController.Kube.Tests")]
