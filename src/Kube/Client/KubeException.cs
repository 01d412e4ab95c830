namespace ModuleController.Kube.Client;

/// <summary>A request that the API server refused or never answered; the message names the request.</summary>
public sealed class KubeException(KubeError error, string request, Exception? inner = null)
    : Exception($"{request}: {error}", inner)
{
    public KubeError Error { get; } = error;

    public bool IsNotFound => Error.IsNotFound;

    public bool IsConflict => Error.IsConflict;

    public bool IsAlreadyExists => Error.IsAlreadyExists;

    public bool IsExpired => Error.IsExpired;
}
