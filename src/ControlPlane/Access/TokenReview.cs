using System.Collections.ObjectModel;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Access;

/// <summary>The question to the API server whose token this is. Created, never stored.</summary>
public sealed record TokenReview : IResource
{
    public static ResourceKind Kind { get; } = new("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", IsNamespaced: false);

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public TokenReviewSpec Spec { get; init => field = value ?? new(); } = new();

    public TokenReviewStatus Status { get; init => field = value ?? new(); } = new();
}

public sealed record TokenReviewSpec
{
    public string? Token { get; init; }

    public IReadOnlyList<string> Audiences { get; init => field = value ?? []; } = [];
}

public sealed record TokenReviewStatus
{
    public bool Authenticated { get; init; }

    public string? Error { get; init; }

    public IReadOnlyList<string> Audiences { get; init => field = value ?? []; } = [];

    public TokenUser User { get; init => field = value ?? new(); } = new();
}

public sealed record TokenUser
{
    public string? Username { get; init; }

    public string? Uid { get; init; }

    public IReadOnlyList<string> Groups { get; init => field = value ?? []; } = [];

    public IReadOnlyDictionary<string, IReadOnlyList<string>> Extra { get; init => field = value ?? None; } = None;

    private static ReadOnlyDictionary<string, IReadOnlyList<string>> None => ReadOnlyDictionary<string, IReadOnlyList<string>>.Empty;
}
