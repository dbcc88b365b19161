"""Who answered how much: requests by week and version."""

from __future__ import annotations

import plotly.graph_objects as go

from trimaran.app.figures import palette
from trimaran.app.views import OF_SEGMENTS, ProductView


def traffic(view: ProductView) -> go.Figure:
    """Return the answered requests of each week, stacked by version; a canary's share is hatched."""
    chart = palette.figure(320, x="week of the answers", y="requests answered in a week", barmode="stack", bargap=0.12)
    names = {share.version for share in view.shares}
    versions = [*sorted(names - {OF_SEGMENTS}, key=lambda name: int(name[1:])), *(names & {OF_SEGMENTS})]
    colours = palette.version_colours(versions)
    lived = {(share.version, share.role) for share in view.shares}
    for version in versions:
        for role, pattern in (("live", ""), ("canary", "/")):
            part = [share for share in view.shares if (share.version, share.role) == (version, role)]
            if not part:
                continue
            name = version if role == "live" else f"{version} as canary"
            chart.add_bar(
                x=[share.start for share in part],
                y=[share.answers for share in part],
                marker={"color": colours[version], "pattern": {"shape": pattern}},
                name=name,
                showlegend=role == "live" or (version, "live") not in lived,
                hovertemplate=f"week of %{{x|%d %b %Y}}: %{{y:,}} answered by {name}<extra></extra>",
            )
    chart.update_layout(showlegend=True)
    chart.update_yaxes(tickformat=",", rangemode="tozero")
    return chart
